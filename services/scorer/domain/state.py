"""The scorer's rows: one per lead, one per account, and one per re-score that is in progress."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct, field

from shared.lead.events.account_enriched import FoundContact
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.matching import AccountMatch, CompanyProfile
from shared.lead.events.parts import Activity, Trigger
from shared.lead.events.scoring import AccountView, Score, Signals
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.rows import Row


class ScoreRow(Row, frozen=True):
    """A lead with the data of its last enrichment and the score that was emitted last.

    The `trigger` of `lead` is the last news that a score was emitted for. A row without `lead` holds the
    activities of a person who has not written yet. `alias` is the lead id that the lead's e-mail alone would
    give, where it is another one. `sequence` counts the scores that were emitted; `score` has no lines.
    `due_at` is when the decay timer is due. `account_match` is the account that the lead was matched to by
    another thing than its domain, or which ones were considered. `own_account` is the account that the match
    or else the lead's own domain gives, where that is an alias of `account`. `name_decides`: neither a person
    nor a known domain says which account it is of, so that the name of its company may.
    """

    lead_id: str
    account: str
    alias: str | None = None
    revision: int = 0
    enriched_sequence: int = 0
    sequence: int = 0
    lead: LeadEnrichedV1 | None = None
    activities: list[Activity] = field(default_factory=list)
    score: Score | None = None
    signals: Signals = Signals()
    account_view: AccountView = AccountView()
    due_at: datetime | None = None
    own_account: str | None = None
    account_match: AccountMatch | None = None
    name_decides: bool = False
    table: ClassVar[str] = "scores"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)
    indexed: ClassVar[tuple[str, ...]] = ("account", "alias")


class StoredSignal(SignalReceivedV1, frozen=True, kw_only=True, omit_defaults=True):
    """A signal at its account: the event that reported it, and the id that follows from its content.

    `other_contents` are the ids of what other reports with its `external_id` said.
    """

    event_id: str = ""
    content: str = ""
    other_contents: tuple[str, ...] = ()


class CompanyMemory(Struct, frozen=True, omit_defaults=True):
    """What is known of an account's company by its leads, for matching other leads to it.

    `seen` is what leads say whose domain is the account's, by their ids. `confirmed` and `split` are what the
    leads said that a person put into this account or took out of it.
    """

    seen: dict[str, CompanyProfile] = {}
    confirmed: list[CompanyProfile] = []
    split: list[CompanyProfile] = []


class AccountRow(Row, frozen=True):
    """An account: what is known of it, what happened at it, and its people in numbers.

    The row of an alias holds the knowledge of the account that it is an alias of, and `own_knowledge`, what
    was stated about the alias itself, which holds again once it is no alias. `leads` counts the leads,
    `grades` and `roles` the people among them; `active` has the people who did something last, and when.
    `asked`: an account lead was asked for. `contacts` are the people whom providers named, by the account's
    enriched event of `contacts_sequence`; no count has them. `company` is None as long as the account is not
    among those that leads are matched to. `relation` and `open_opportunity` are those of `knowledge`; an
    alias has none.
    """

    account: str
    name_key: str | None = None
    knowledge: AccountReceivedV1 | None = None
    signals: dict[str, StoredSignal] = field(default_factory=dict)
    leads: int = 0
    grades: dict[str, int] = field(default_factory=dict)
    roles: dict[str, int] = field(default_factory=dict)
    active: dict[str, datetime] = field(default_factory=dict)
    qualified: bool = False
    asked: bool = False
    contacts: list[FoundContact] = field(default_factory=list)
    contacts_sequence: int = 0
    company: CompanyMemory | None = None
    relation: Relation | None = None
    open_opportunity: bool = False
    own_knowledge: AccountReceivedV1 | None = None
    table: ClassVar[str] = "accounts"
    key_fields: ClassVar[tuple[str, ...]] = ("account",)
    indexed: ClassVar[tuple[str, ...]] = ("name_key",)


class AccountNameRow(Row, frozen=True):
    """An account under a key of one of its names (`block`), with what leads are compared with.

    It follows from the account's own row. `profiles` are from the account's record and from what people
    decided, `seen` what its leads say. An alias is found by its own names: `alias_of` is its account, and
    `relation` that of this account.
    """

    block: str
    account: str
    profiles: list[CompanyProfile]
    seen: list[CompanyProfile]
    split: list[CompanyProfile]
    relation: Relation | None
    alias_of: str | None = None
    table: ClassVar[str] = "account_names"
    key_fields: ClassVar[tuple[str, ...]] = ("block", "account")
    indexed: ClassVar[tuple[str, ...]] = ("block",)
    upsert: ClassVar[bool] = True


class LeadCompanyNameRow(Row, frozen=True):
    """A lead under a key of the name of its company (`block`), with what accounts are compared with.

    It follows from the lead's own row, and is there while a name decides which account the lead is of. A lead
    that a name put elsewhere is found under the account of its own domain as well.
    """

    block: str
    lead_id: str
    profile: CompanyProfile
    table: ClassVar[str] = "lead_company_names"
    key_fields: ClassVar[tuple[str, ...]] = ("block", "lead_id")
    indexed: ClassVar[tuple[str, ...]] = ("block",)
    upsert: ClassVar[bool] = True


class RematchRow(Row, frozen=True):
    """The leads under `blocks` are matched again, as the names of an account changed for `trigger`.

    Those of the first block up to the id `cursor` are done. `profiles` are the names as they were and as they
    are: leads that fit none of them stay where they are.
    """

    account: str
    trigger: Trigger
    blocks: list[str]
    profiles: list[CompanyProfile]
    cursor: str
    due_at: datetime
    table: ClassVar[str] = "rematches"
    key_fields: ClassVar[tuple[str, ...]] = ("account",)


class RematchChunkRow(Row, frozen=True):
    """The next leads to be matched again. Found, not stored. `blocks` and `cursor` are what follows them."""

    account: str
    lead_ids: tuple[str, ...]
    blocks: list[str]
    cursor: str
    key_fields: ClassVar[tuple[str, ...]] = ("account",)


class RescoreRow(Row, frozen=True):
    """A re-score of all leads of an account for `trigger`; the leads up to the id `cursor` are done.

    `again` is what happened meanwhile: all are re-scored once more for it.
    """

    account: str
    trigger: Trigger
    cursor: str
    due_at: datetime
    again: Trigger | None = None
    table: ClassVar[str] = "rescores"
    key_fields: ClassVar[tuple[str, ...]] = ("account",)


class ChunkRow(Row, frozen=True):
    """The next leads of a re-score, in order. Found, not stored. `last`: there are none after these."""

    account: str
    lead_ids: tuple[str, ...]
    last: bool
    key_fields: ClassVar[tuple[str, ...]] = ("account",)

"""Erasure of a person, the same for every role: redact, leave a tombstone, drop what is older.

`baton.person.erased.v1` lists lead ids. The unit of work asks the role's `redact` for the changes that
remove or redact its own rows, and adds a tombstone per lead id: the keyed hash of the id with the time of
the erasure. From then on an event about that lead with an earlier or equal time is superseded, so nothing
that is still in a topic, an outbox or a retry restores the person's data.

Roles read an erasure at different times, so a role may still emit events about the person after it. Therefore
the time of an event does not tell whether it is about a person who is a contact again. Only a form that is
later than the erasure says so, and what follows from it: what a role emits about a lead carries the time of
the lead's tombstone (`Event.after_erasure`). An event of a role that had not read the erasure lacks it and
is superseded. A role that has not read the erasure itself learns of it from the event, and erases the lead
before it decides the event. Actions and signals count once the role has read that the person is back.

Events about colleagues may name the person: a brief lists stakeholders, a note says whom to call. Those that
are stored already are the role's `redact`'s to change. Others arrive later, because roles read an erasure at
different times; so the unit of work keeps what names the person, by account, and strikes it out of an event
before the role decides it. That ends with the retention of the topics, or when the person is a contact again.

A tombstone holds a keyed hash and not the id, so that the table does not list who was erased. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Emit, Event, decode_data
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_MODEL, BY_NAME, EVENT_TYPES
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.events.subjects import account_key, account_name_id
from shared.lead.mentions import Mentions
from shared.messaging.manifest import LEADS_ENRICHED, LEADS_ROUTED, LEADS_SCORED
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.rows import ErasedMentionsRow, TombstoneRow

MAY_NAME_OTHERS: Final = frozenset(
    {
        *(known.name for known in EVENT_TYPES if known.topic is LEADS_ROUTED),
        *(
            BY_MODEL[model].name
            for model in (AccountEnrichedV1, LeadScoredV1, ActionReceivedV1, SignalReceivedV1)
        ),
    }
)
"""The types of events about an account or its leads that may name other people: briefs, notes, signals,
people who were found there."""
CONTACT: Final = BY_MODEL[LeadReceivedV1].name
"""The type of the events by which a person becomes a contact."""
_CONTACTS: Final = frozenset(
    {CONTACT, *(BY_MODEL[model].name for model in (LeadEnrichedV1, LeadScoredV1, LeadRoutedV1))}
)
"""The types of events that say that a person is a contact."""
DERIVED: Final = frozenset(
    known.name for known in EVENT_TYPES if known.topic in (LEADS_ENRICHED, LEADS_SCORED, LEADS_ROUTED)
)
"""The types of events that roles emit about leads."""

KeyedHash = Callable[[str], str]
"""Maps a lead id to its keyed hash, in hex."""


class Erasure(Struct, frozen=True):
    """An erasure as one role carries it out.

    `lead_ids` are to be forgotten. `spared` are other ids of the person that the role has forgotten already,
    by this erasure or a later one: what it keeps of them is newer. `mentions` is what names the person.
    """

    event: Event[PersonErasedV1]
    lead_ids: Sequence[str]
    spared: frozenset[str]
    mentions: Mentions

    @property
    def at(self) -> datetime:
        return self.event.data.at

    def pseudonym(self, lead_id: str) -> str:
        """Return the keyed hash under which a row may be kept for counting."""
        return self.mentions.keyed_hash(lead_id)


class Redaction(Struct, frozen=True):
    """What a role does to forget a person.

    `lead_ids` are ids under which events about the person may still arrive, besides those that the erasure
    names: they get a tombstone too. `returned` are those of whom the role keeps what a later form said.
    """

    changes: Sequence[Change] = ()
    emits: Sequence[Emit] = ()
    lead_ids: Collection[str] = ()
    returned: Collection[str] = ()


class Redactor(Protocol):
    """The part of a handler that erasure needs."""

    role: str

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        """Return the changes that forget a person. Pure."""
        ...


def erase(
    redactor: Redactor,
    rows: IdentityMap,
    erased: Event[PersonErasedV1],
    at: datetime,
    keyed_hash: KeyedHash,
) -> Step:
    """Return the role's redaction together with the tombstones and what names the person.

    Reading an erasure again changes nothing. A person who is a contact again may be named by others.
    """
    role, data = redactor.role, erased.data
    tombstones = {lead_id: rows.get(TombstoneRow, keyed_hash(lead_id), role) for lead_id in data.lead_ids}
    known = {lead_id: stone for lead_id, stone in tombstones.items() if stone and stone.at >= data.at}
    mentions = Mentions(frozenset(data.mentions), keyed_hash)
    lead_ids = [lead_id for lead_id in data.lead_ids if lead_id not in known]
    redaction = redactor.redact(rows, Erasure(erased, lead_ids, frozenset(known), mentions), at)
    hashes = {lead_id: keyed_hash(lead_id) for lead_id in sorted({*lead_ids, *redaction.lead_ids})}
    changes = [
        Put(TombstoneRow(hashed, role, data.at, returned=lead_id in redaction.returned))
        for lead_id, hashed in hashes.items()
        if lead_id not in known
    ]
    if data.mentions and not redaction.returned and not any(stone.returned for stone in known.values()):
        leads = sorted({*hashes.values(), *map(keyed_hash, known)})
        changes += (
            Put(ErasedMentionsRow(account, erased.id, role, leads, data.mentions, data.at))
            for account in data.accounts
        )
    return Step(Outcome.APPLIED, (*redaction.changes, *changes), redaction.emits)


def subject_of(event: Event[Any]) -> str:
    """Return which lead or account an event is about; from its data, if its producer does not say."""
    event_type = BY_NAME.get(event.type)
    if event.subject or event_type is None or type(event.data) is not event_type.model:
        return event.subject
    return event_type.subject_of(event.data)


def is_erased(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> bool:
    """Tell whether an event is about a person whom the role has erased, and who is no contact again by it.

    An opt-out that is later than the erasure holds: it says nothing but that the person wants no contact.
    Timers are decided by their own rows, dead letters by the ledger.
    """
    if event.type not in BY_NAME or isinstance(event.data, PersonErasedV1):
        return False
    tombstone = _tombstone(role, rows, subject_of(event), keyed_hash)
    if tombstone is None:
        return False
    if event.type in DERIVED:
        return event.after_erasure is None or event.after_erasure < tombstone.at
    if event.time <= tombstone.at:
        return True
    is_opt_out = isinstance(event.data, SignalReceivedV1) and event.data.type == "opt_out"
    return not (tombstone.returned or event.type == CONTACT or is_opt_out)


def unread_erasure(
    role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash
) -> Event[PersonErasedV1] | None:
    """Return the erasure that an event follows and that the role has not read yet; None for all others.

    It names the lead of the event only, and has no id: it is none of the events of its topic.
    """
    if event.after_erasure is None or event.type not in DERIVED:
        return None
    tombstone = _tombstone(role, rows, event.subject, keyed_hash)
    if tombstone is not None and tombstone.at >= event.after_erasure:
        return None
    data = PersonErasedV1([event.subject], "", event.after_erasure)
    return Event("", event.source, BY_MODEL[PersonErasedV1].name, event.subject, event.after_erasure, data)


def after_erasure(role: str, rows: IdentityMap, lead_id: str, keyed_hash: KeyedHash) -> datetime | None:
    """Return when the role erased a lead last, None if it never did."""
    tombstone = _tombstone(role, rows, lead_id, keyed_hash)
    return tombstone.at if tombstone else None


def accounts_of(event: Event[Any]) -> set[str]:
    """Return the keys under which an event may be about an account."""
    data = event.data
    keys = {event.key, event.subject, getattr(data, "account", None)}
    if isinstance(data, SignalReceivedV1):
        keys |= {account_key(data.account.domain), account_name_id(data.account.name)}
    return {key for key in keys if key and isinstance(key, str)}


def mentions_in(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> Mentions | None:
    """Return what names erased people in an event about a colleague or the account; None when nothing may.

    In events about themselves, those who are contacts again are named.
    """
    if event.type not in MAY_NAME_OTHERS or not rows.by_key(ErasedMentionsRow):
        return None
    own = keyed_hash(event.subject)
    others = (row for row in _of_accounts(role, rows, event) if own not in row.leads)
    hashes = frozenset(hashed for row in others for hashed in row.mentions)
    return Mentions(hashes, keyed_hash) if hashes else None


def contact_again(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> list[Change]:
    """Return the changes after which the person whom an event is about counts as a contact again.

    Colleagues' records may then name the person. The event must not be one of an erased person
    (`is_erased`).
    """
    if event.type not in _CONTACTS:
        return []
    tombstone = _tombstone(role, rows, subject_of(event), keyed_hash)
    if tombstone is None:
        return []
    found = (row for row in _of_accounts(role, rows, event) if tombstone.hash in row.leads)
    lifted: list[Change] = [Remove(ErasedMentionsRow, row.key) for row in found]
    return lifted if tombstone.returned else [*lifted, Put(replace(tombstone, returned=True))]


def without_mentions(event: Event[Any], mentions: Mentions) -> Event[Any]:
    """Return an event as it would be if its data had never named these people. Raises `DataError`."""
    event_type = BY_NAME[event.type]
    data = msgspec.json.decode(event.raw) if type(event.data) is event_type.model and event.raw else None
    without = mentions.removed_from(data)
    if without is data:
        return event
    raw = msgspec.json.encode(without)
    return replace(event, data=decode_data(event_type, raw), raw=raw)


def _tombstone(role: str, rows: IdentityMap, lead_id: str, keyed_hash: KeyedHash) -> TombstoneRow | None:
    if not lead_id or not rows.by_key(TombstoneRow):  # hardly anybody is erased, and hashes take time
        return None
    return rows.get(TombstoneRow, keyed_hash(lead_id), role)


def _of_accounts(role: str, rows: IdentityMap, event: Event[Any]) -> list[ErasedMentionsRow]:
    found = (
        row for key in sorted(accounts_of(event)) for row in rows.find(ErasedMentionsRow, "account", key)
    )
    return [row for row in found if row.role == role]

"""Erasure of a person, the same for every role: redact, leave a tombstone, drop what is older.

`baton.person.erased.v1` lists lead ids. The unit of work asks the role's `redact` for the changes that
remove or redact its own rows, and adds a tombstone per lead id: the keyed hash of the id with the time of
the erasure. From then on an event about that lead with an earlier or equal time is superseded, so nothing
that is still in a topic, an outbox or a retry restores the person's data. A later event is a new contact.

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

from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Emit, Event, decode_data
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_updated import LeadUpdatedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_MODEL, BY_NAME
from shared.lead.events.signal_received import SignalReceivedV1, signal_subject_id
from shared.lead.mentions import Mentions
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.rows import ErasedMentionsRow, TombstoneRow

MAY_NAME_OTHERS: Final = frozenset(
    BY_MODEL[model].name
    for model in (
        LeadRoutedV1,
        LeadUpdatedV1,
        LeadHandedOffV1,
        LeadReassignedV1,
        ActionReceivedV1,
        SignalReceivedV1,
    )
)
"""The types of events about an account or its leads that may name other people: briefs, notes, news."""
_CONTACTS: Final = frozenset(
    BY_MODEL[model].name for model in (LeadReceivedV1, LeadEnrichedV1, LeadScoredV1, LeadRoutedV1)
)
"""The types of events that say that a person is a contact."""

KeyedHash = Callable[[str], str]
"""Maps a lead id to its keyed hash, in hex."""


class Redaction(Struct, frozen=True):
    """What a role does to forget a person.

    `lead_ids` are ids under which events about the person may still arrive, besides those that the erasure
    names: they get a tombstone too.
    """

    changes: Sequence[Change] = ()
    emits: Sequence[Emit] = ()
    lead_ids: Collection[str] = ()


class Redactor(Protocol):
    """The part of a handler that erasure needs."""

    role: str

    def redact(
        self, rows: IdentityMap, erased: Event[PersonErasedV1], at: datetime, keyed_hash: KeyedHash
    ) -> Redaction:
        """Return the changes that forget the leads that `erased` names. Pure.

        `keyed_hash` returns the pseudonym under which a row may be kept for counting.
        """
        ...


def erase(
    redactor: Redactor,
    rows: IdentityMap,
    erased: Event[PersonErasedV1],
    at: datetime,
    keyed_hash: KeyedHash,
) -> Step:
    """Return the role's redaction together with the tombstones and what names the person."""
    redaction = redactor.redact(rows, erased, at, keyed_hash)
    lead_ids = sorted({*erased.data.lead_ids, *redaction.lead_ids})
    hashes = [keyed_hash(lead_id) for lead_id in lead_ids]
    role, data = redactor.role, erased.data
    tombstones = [Put(TombstoneRow(hashed, role, data.at)) for hashed in hashes]
    mentions = [
        Put(ErasedMentionsRow(account, erased.id, role, hashes, data.mentions, data.at))
        for account in data.accounts
        if data.mentions
    ]
    return Step(Outcome.APPLIED, (*redaction.changes, *tombstones, *mentions), redaction.emits)


def is_erased(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> bool:
    """Tell whether the event is about a lead that was erased at its time or later."""
    if not event.subject:
        return False
    tombstone = rows.get(TombstoneRow, keyed_hash(event.subject), role)
    return tombstone is not None and event.time <= tombstone.at


def accounts_of(event: Event[Any]) -> set[str]:
    """Return the keys under which an event may be about an account."""
    data = event.data
    keys = {event.key, event.subject, getattr(data, "account", None)}
    if isinstance(data, SignalReceivedV1):
        keys.add(signal_subject_id(data))
    return {key for key in keys if key and isinstance(key, str)}


def mentions_in(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> Mentions | None:
    """Return what names erased people in an event about a colleague or the account; None when nothing may.

    In events about themselves, those who are contacts again are named.
    """
    if event.type not in MAY_NAME_OTHERS:
        return None
    own = keyed_hash(event.subject)
    others = (row for row in _of_accounts(role, rows, event) if own not in row.leads)
    hashes = frozenset(hashed for row in others for hashed in row.mentions)
    return Mentions(hashes, keyed_hash) if hashes else None


def contact_again(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> list[Change]:
    """Return the changes after which colleagues' records may name the person again whom an event is about.

    The event must be later than the erasure (`is_erased`).
    """
    if event.type not in _CONTACTS:
        return []
    own = keyed_hash(event.subject)
    found = (row for row in _of_accounts(role, rows, event) if own in row.leads)
    return [Remove(ErasedMentionsRow, row.key) for row in found]


def without_mentions(event: Event[Any], mentions: Mentions) -> Event[Any]:
    """Return an event as it would be if its data had never named these people. Raises `DataError`."""
    event_type = BY_NAME[event.type]
    data = msgspec.json.decode(event.raw) if type(event.data) is event_type.model and event.raw else None
    without = mentions.removed_from(data)
    if without is data:
        return event
    raw = msgspec.json.encode(without)
    return replace(event, data=decode_data(event_type, raw), raw=raw)


def _of_accounts(role: str, rows: IdentityMap, event: Event[Any]) -> list[ErasedMentionsRow]:
    found = (
        row for key in sorted(accounts_of(event)) for row in rows.find(ErasedMentionsRow, "account", key)
    )
    return [row for row in found if row.role == role]

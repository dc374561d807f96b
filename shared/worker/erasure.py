"""Erasure of a person, the same for every role: redact, leave a tombstone, drop what is older.

`baton.person.erased.v1` lists lead ids. The unit of work asks the role's `redact` for the changes that
remove or redact its own rows, and adds a tombstone per lead id: the keyed hash of the id with the time of
the erasure. From then on an event about that lead with an earlier or equal time is superseded, so nothing
that is still in a topic, an outbox or a retry restores the person's data. A later event is a new contact.

A tombstone holds a keyed hash and not the id, so that the table does not list who was erased. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from shared.lead.events.envelope import Emit, Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.rows import Change, IdentityMap, Put
from shared.worker.decision import Outcome, Step
from shared.worker.rows import TombstoneRow

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
    """Return the role's redaction together with the tombstones."""
    redaction = redactor.redact(rows, erased, at, keyed_hash)
    lead_ids = sorted({*erased.data.lead_ids, *redaction.lead_ids})
    tombstones = [
        Put(TombstoneRow(keyed_hash(lead_id), redactor.role, erased.data.at)) for lead_id in lead_ids
    ]
    return Step(Outcome.APPLIED, (*redaction.changes, *tombstones), redaction.emits)


def is_erased(role: str, rows: IdentityMap, event: Event[Any], keyed_hash: KeyedHash) -> bool:
    """Tell whether the event is about a lead that was erased at its time or later."""
    if not event.subject:
        return False
    tombstone = rows.get(TombstoneRow, keyed_hash(event.subject), role)
    return tombstone is not None and event.time <= tombstone.at

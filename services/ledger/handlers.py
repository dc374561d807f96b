"""The ledger: records every event once, keeps the view of each lead, and forgets the erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from services.ledger.domain.view import Staged, see
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_NAME
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.handler import Handler
from shared.worker.rows import TombstoneRow


class LedgerHandler(Handler):
    """Decides what is recorded."""

    role = "ledger"
    claimed: frozenset[str] = frozenset()

    def __init__(self, tombstone_of: Callable[[str], str]) -> None:
        self._tombstone_of = tombstone_of

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        data = event.data
        if isinstance(data, DeadLetterV1):
            return self._set_aside(world, data)
        changes: list[Change] = [Put(_event_row(event, at))]
        if isinstance(data, Staged):
            view = see(world.get(ViewRow, data.lead_id), event)
            if view != world.get(ViewRow, data.lead_id):
                changes.append(Put(view))
        elif isinstance(data, PersonErasedV1):
            changes += self._erase(world, data)
        if event.replay_of:
            changes += _replayed(world, event.replay_of, at)
        return Step(Outcome.APPLIED, changes)

    def _set_aside(self, world: IdentityMap, letter: DeadLetterV1) -> Step:
        if world.get(DeadLetterRow, letter.id) is not None:
            return Step(Outcome.UNCHANGED)
        row = DeadLetterRow(
            letter.id,
            letter.topic,
            letter.partition,
            letter.offset,
            letter.key,
            letter.value,
            letter.headers,
            letter.stage,
            letter.kind,
            letter.message,
            letter.event_id,
            letter.event_type,
            letter.subject,
            letter.at,
        )
        return Step(Outcome.APPLIED, [Put(row)])

    def _erase(self, world: IdentityMap, erased: PersonErasedV1) -> list[Change]:
        """Everything that is about these leads goes; that they were erased, and when, stays."""
        leads = set(erased.lead_ids)
        caused = {row.causation_id for row in world.all(EventRow) if row.subject in leads} - {""}
        gone: list[Change] = [
            Remove(EventRow, row.key)
            for row in world.all(EventRow)
            if row.subject in leads or (row.id in caused and row.type == "baton.lead.received.v1")
        ]
        gone += (
            Remove(DeadLetterRow, row.key)
            for row in world.all(DeadLetterRow)
            if row.subject in leads or row.event_id in caused
        )
        gone += (Remove(ViewRow, (lead,)) for lead in leads if world.get(ViewRow, lead))
        gone += (Put(TombstoneRow(self._tombstone_of(lead), self.role, erased.at)) for lead in leads)
        return gone


def _event_row(event: Event[Any], at: datetime) -> EventRow:
    return EventRow(
        event.id,
        event.source,
        event.type,
        event.subject or BY_NAME[event.type].subject_of(event.data),
        event.key,
        event.time,
        at,
        event.causation_id,
        getattr(event.data, "revision", None),
        getattr(event.data, "sequence", None),
        event.raw.decode(),
    )


def _replayed(world: IdentityMap, letter_id: str, at: datetime) -> list[Change]:
    letter = world.get(DeadLetterRow, letter_id)
    if letter is None or letter.replayed_at is not None:
        return []
    return [Put(replace(letter, replayed_at=at))]

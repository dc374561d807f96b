"""Loads the ledger's rows: the views of the leads in hand, and what an erasure or a replay has to see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import services.ledger.tables  # noqa: F401 - rows name their table, so it has to be declared
from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from services.ledger.domain.view import StageEvent
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.database import Tx
from shared.storage.rows import Row


class LedgerStore:
    """Loads and locks views by lead id and dead letters by id; events are written without being loaded."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        data = [event.data for event in events]
        erased = {lead for item in data if isinstance(item, PersonErasedV1) for lead in item.lead_ids}
        viewed = {item.lead_id for item in data if isinstance(item, StageEvent)}
        letters = {item.id for item in data if isinstance(item, DeadLetterV1)}
        letters |= {event.replay_of for event in events if event.replay_of}
        rows: list[Row] = []
        rows += await tx.load(ViewRow, "lead_id", viewed | erased, lock=True)
        rows += await tx.load(DeadLetterRow, "id", letters, lock=True)
        if erased:
            # Every event and dead letter about the erased leads, with the forms that led to them.
            own = await tx.load(EventRow, "subject", erased)
            causes = {row.causation_id for row in own} - {""}
            rows += own
            rows += await tx.load(EventRow, "id", causes)
            rows += await tx.load(DeadLetterRow, "subject", erased)
            rows += await tx.load(DeadLetterRow, "event_id", causes | {row.id for row in own})
        return rows

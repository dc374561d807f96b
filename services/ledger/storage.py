"""The ledger's rows: views of the leads in hand, and what an erasure or a replay needs to see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from services.ledger.domain.view import Staged
from shared.lead.events.dead_letter import DeadLetterV1
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.database import Tx
from shared.storage.rows import Row


class LedgerStore:
    """Loads views by lead id, locked; events are written without being loaded."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        erased = {
            lead for event in events if isinstance(event.data, PersonErasedV1) for lead in event.data.lead_ids
        }
        staged = {event.data.lead_id for event in events if isinstance(event.data, Staged)}
        letters = {event.data.id for event in events if isinstance(event.data, DeadLetterV1)}
        letters |= {event.replay_of for event in events if event.replay_of}
        rows: list[Row] = []
        rows += await tx.load(ViewRow, "lead_id", staged | erased, lock=True)
        rows += await tx.load(DeadLetterRow, "id", letters, lock=True)
        if erased:
            rows += await self._about(tx, erased)
        return rows

    async def _about(self, tx: Tx, leads: set[str]) -> list[Row]:
        """Return every event and dead letter about these leads, the forms that led to them included."""
        own = await tx.load(EventRow, "subject", leads)
        causes = {row.causation_id for row in own} - {""}
        forms = await tx.load(EventRow, "id", causes)
        letters = await tx.load(DeadLetterRow, "subject", leads)
        letters += await tx.load(DeadLetterRow, "event_id", causes | {row.id for row in own})
        return [*own, *forms, *letters]

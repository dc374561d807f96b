"""The timeline of a lead: every event about it and the events that caused them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import or_, select

from services.gateway.domain.event_words import describe_event
from services.gateway.domain.lead_view import DEAD_LETTERED, LEAD_RECEIVED, View, form_outcomes
from services.gateway.queries.lead_view import find_dead_letters, ids_of_lead
from services.ledger.tables import events
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Tx
from shared.worker.tables import inputs


async def list_timeline(tx: Tx, lead_id: str) -> list[View]:
    """Return each event in order: `id`, `type`, `at`, `source`, `says`, `data`, and its `outcome` once known.

    The id is no alias. What happened to leads that were merged into this one is part of its timeline.
    """
    subjects = await ids_of_lead(tx, lead_id)
    causes = select(events.c.causation_id).where(events.c.subject.in_(subjects), events.c.causation_id != "")
    related = or_(events.c.subject.in_(subjects), events.c.id.in_(causes))
    statement = select(events).where(related).order_by(events.c.at, events.c.recorded_at, events.c.id)
    rows = [dict(row) for row in (await tx.execute(statement)).mappings()]
    letters = await find_dead_letters(tx, lead_id, [row["id"] for row in rows])
    outcomes = await _input_outcomes(tx, rows) | form_outcomes(rows, lead_id)
    outcomes |= {letter["event_id"]: DEAD_LETTERED for letter in letters if letter["replayed_at"] is None}
    entries: list[View] = []
    for row in rows:
        entry: View = {name: row[name] for name in ("id", "type", "at", "source")}
        if row["id"] in outcomes:
            entry["outcome"] = outcomes[row["id"]]
        data = msgspec.json.decode(row["data"])
        entries.append(entry | {"says": describe_event(row["type"], data), "data": data})
    return entries


async def _input_outcomes(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the recorded outcome of each event at the role that keeps its topic.

    Received leads are left out: that the enricher took one does not say what became of it.
    """
    keepers = {row["id"]: BY_NAME[row["type"]].topic.keeper for row in rows if row["type"] != LEAD_RECEIVED}
    statement = select(inputs.c.id, inputs.c.role, inputs.c.outcome).where(inputs.c.id.in_(list(keepers)))
    return {row.id: row.outcome for row in await tx.execute(statement) if row.role == keepers[row.id]}

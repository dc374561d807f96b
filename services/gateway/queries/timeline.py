"""The timeline of a lead: every event about it and the events that caused them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, union_all

from services.gateway.domain.event_words import describe_event
from services.gateway.domain.lead_view import DEAD_LETTERED, LEAD_RECEIVED, View
from services.gateway.domain.outcomes import OUTCOME_RECEIVED, happened_at
from services.gateway.domain.timeline import form_outcomes, in_order
from services.gateway.queries.lead_view import find_dead_letters, ids_of_lead
from services.ledger.tables import events
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Tx
from shared.worker.tables import inputs


async def list_timeline(tx: Tx, lead_id: str) -> list[View]:
    """Return each event in order: `id`, `type`, `at`, `source`, `says`, `data`, and its `outcome` once known.

    An outcome stands where it happened, not where it was reported. The id is no alias. What happened to leads
    that were merged into this one is part of its timeline.
    """
    subjects = await ids_of_lead(tx, lead_id)
    causes = select(events.c.causation_id).where(events.c.subject.in_(subjects), events.c.causation_id != "")
    # Apart, because for one condition with OR PostgreSQL goes through all events.
    own = select(events).where(events.c.subject.in_(subjects))
    causing = select(events).where(events.c.id.in_(causes), events.c.subject.not_in(subjects))
    found = (await tx.execute(union_all(own, causing))).mappings()
    rows = [{**row, "data": msgspec.json.decode(row["data"])} for row in found]
    for row in rows:
        if row["type"] == OUTCOME_RECEIVED:
            row["at"] = happened_at(row["data"], row["at"])
    letters = await find_dead_letters(tx, lead_id, [row["id"] for row in rows])
    stuck = {letter["event_id"] for letter in letters if letter["replayed_at"] is None}
    outcomes = await _input_outcomes(tx, rows) | dict.fromkeys(stuck, DEAD_LETTERED)
    outcomes |= form_outcomes(rows, lead_id, stuck)
    entries: list[View] = []
    for event in in_order(rows):
        entry: View = {name: event[name] for name in ("id", "type", "at", "source")}
        if event["id"] in outcomes:
            entry["outcome"] = outcomes[event["id"]]
        entries.append(entry | {"says": describe_event(event["type"], event["data"]), "data": event["data"]})
    return entries


async def _input_outcomes(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the recorded outcome of each event at the keeper of its topic; of opt-outs at the enricher.

    Received leads are left out: that the enricher took one does not say what became of it.
    """
    keepers = {
        row["id"]: "enricher" if row["data"].get("type") == "opt_out" else BY_NAME[row["type"]].topic.keeper
        for row in rows
        if row["type"] != LEAD_RECEIVED
    }
    statement = select(inputs.c.id, inputs.c.role, inputs.c.outcome).where(inputs.c.id.in_(list(keepers)))
    return {row.id: row.outcome for row in await tx.execute(statement) if row.role == keepers[row.id]}

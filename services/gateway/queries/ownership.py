"""Questions about who owns a lead now, answered from the router's tables, and what it made of an input."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import select

from services.router.tables import assignments, routed_leads
from shared.storage.database import Tx
from shared.worker.tables import inputs

ROUTER = "router"


class Ownership(Struct, frozen=True):
    """Who owns a lead, if anybody, and until when to accept; `held_by` are all who ever owned it.

    `sequence` is that of the latest event in which the router spoke of the lead, 0 for one it does not know.
    """

    sequence: int = 0
    owner: str | None = None
    accept_by: datetime | None = None
    accepted_at: datetime | None = None
    held_by: frozenset[str] = frozenset()


async def ownership(tx: Tx, lead_id: str) -> Ownership:
    """Return who owns a lead; the id is no alias."""
    sequence = select(routed_leads.c.sequence).where(routed_leads.c.lead_id == lead_id)
    spoken = (await tx.execute(sequence)).scalar_one_or_none() or 0
    statement = select(assignments).where(assignments.c.lead_id == lead_id)
    found = (await tx.execute(statement.order_by(assignments.c.opened_at, assignments.c.id))).mappings().all()
    held_by = frozenset(row["rep"] for row in found)
    active = next((row for row in found if row["closed_at"] is None), None)
    if active is None:
        return Ownership(spoken, held_by=held_by)
    accept_by = active["accept_by"] if active["accepted_at"] is None else None
    return Ownership(spoken, active["rep"], accept_by, active["accepted_at"], held_by)


async def routers_outcome(tx: Tx, event_id: str, source: str) -> str | None:
    """Return what the router made of an action or outcome; None while it has not."""
    ours = (inputs.c.id == event_id) & (inputs.c.source == source) & (inputs.c.role == ROUTER)
    return (await tx.execute(select(inputs.c.outcome).where(ours))).scalar_one_or_none()

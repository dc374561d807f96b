"""The present owner of a lead, and the outcome of an input, from the router's tables."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import select

from services.router.domain.refusals import LeadState
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.tables import assignments, routed_leads
from shared.storage.database import Tx
from shared.worker.tables import inputs

ROUTER = "router"


class Ownership(Struct, frozen=True):
    """The owner of a lead, if it has one, the time to accept it by, and all reps who ever owned it.

    `sequence` is that of the router's latest event about the lead, 0 for a lead that it does not know.
    """

    sequence: int = 0
    owner: str | None = None
    accept_by: datetime | None = None
    accepted_at: datetime | None = None
    owners: frozenset[str] = frozenset()


async def find_ownership(tx: Tx, lead_id: str) -> Ownership:
    """Return the ownership of a lead. The id is no alias."""
    latest = select(routed_leads.c.sequence).where(routed_leads.c.lead_id == lead_id)
    sequence = (await tx.execute(latest)).scalar_one_or_none() or 0
    statement = select(assignments).where(assignments.c.lead_id == lead_id)
    found = (await tx.execute(statement.order_by(assignments.c.opened_at, assignments.c.id))).mappings().all()
    owners = frozenset(row["rep"] for row in found)
    active = next((row for row in found if row["closed_at"] is None), None)
    if active is None:
        return Ownership(sequence, owners=owners)
    accept_by = active["accept_by"] if active["accepted_at"] is None else None
    return Ownership(sequence, active["rep"], accept_by, active["accepted_at"], owners)


async def find_lead_state(tx: Tx, lead_id: str) -> LeadState:
    """Return what the router knows of a lead. The id is no alias."""
    leads = await tx.load(RoutedLeadRow, "lead_id", [lead_id])
    return LeadState(leads[0] if leads else None, await tx.load(AssignmentRow, "lead_id", [lead_id]))


async def find_router_outcome(tx: Tx, event_id: str, source: str) -> str | None:
    """Return the outcome of an action or outcome event at the router; None while it is not processed."""
    at_router = (inputs.c.id == event_id) & (inputs.c.source == source) & (inputs.c.role == ROUTER)
    return (await tx.execute(select(inputs.c.outcome).where(at_router))).scalar_one_or_none()

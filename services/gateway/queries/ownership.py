"""The present owner of a lead, and the outcome of an input, from the router's tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import select

from services.gateway.domain.actions import ACTION_RECEIVED
from services.ledger.tables import events
from services.router.domain.refusals import LeadState
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.tables import assignments, rep_queues, routed_leads
from shared.lead.events.lead_handed_off import JoiningRep
from shared.storage.database import Tx
from shared.worker.tables import inputs

ROUTER = "router"
_RELEASES: Final = ("baton.lead.reassigned.v1", "baton.lead.closed.v1")
"""The events by which a lead leaves the rep who rejected it."""


class JoinedRep(JoiningRep, frozen=True):
    """A rep who joined the owner of a lead, and since when."""

    since: datetime


class Ownership(Struct, frozen=True):
    """The owner of a lead, if it has one, the time to accept it by, and the reps who joined the owner.

    `sequence` is that of the router's latest event about the lead, 0 for a lead that it does not know;
    `opened_at` is when the owner got it.
    """

    sequence: int = 0
    owner: str | None = None
    accept_by: datetime | None = None
    accepted_at: datetime | None = None
    joined: Sequence[JoinedRep] = ()
    opened_at: datetime | None = None


async def find_ownership(tx: Tx, lead_id: str) -> Ownership:
    """Return the ownership of a lead. The id is no alias."""
    latest = select(routed_leads.c.sequence).where(routed_leads.c.lead_id == lead_id)
    sequence = (await tx.execute(latest)).scalar_one_or_none() or 0
    active = select(assignments).where(assignments.c.lead_id == lead_id, assignments.c.closed_at.is_(None))
    found = await tx.execute(active.order_by(assignments.c.opened_at, assignments.c.id))
    rows = found.mappings().all()
    joined = [JoinedRep(row["rep"], row["queue"], row["opened_at"]) for row in rows if row["joined"]]
    owned = next((row for row in rows if not row["joined"]), None)
    if owned is None:
        return Ownership(sequence, joined=joined)
    accept_by = owned["accept_by"] if owned["accepted_at"] is None else None
    return Ownership(sequence, owned["rep"], accept_by, owned["accepted_at"], joined, owned["opened_at"])


async def find_lead_state(tx: Tx, lead_id: str) -> LeadState:
    """Return what the router knows of a lead. The id is no alias."""
    leads = await tx.load(RoutedLeadRow, "lead_id", [lead_id])
    return LeadState(leads[0] if leads else None, await tx.load(AssignmentRow, "lead_id", [lead_id]))


async def find_former_reps(tx: Tx, rep_ids: Collection[str]) -> set[str]:
    """Return which of these reps are or were in the team: the rotation keeps its rows when a rep leaves."""
    found = await tx.execute(select(rep_queues.c.rep).where(rep_queues.c.rep.in_(rep_ids)).distinct())
    return set(found.scalars())


async def find_owners(tx: Tx, lead_ids: Collection[str]) -> dict[str, str]:
    """Return the owner of each lead that has one. The ids are no aliases."""
    rows = await tx.load(AssignmentRow, "lead_id", lead_ids)
    return {row.lead_id: row.rep for row in rows if row.active and not row.joined}


async def find_router_outcome(tx: Tx, event_id: str, source: str) -> str | None:
    """Return the outcome of an action or outcome event at the router; None while it is not processed."""
    at_router = (inputs.c.id == event_id) & (inputs.c.source == source) & (inputs.c.role == ROUTER)
    return (await tx.execute(select(inputs.c.outcome).where(at_router))).scalar_one_or_none()


async def find_rejections(tx: Tx, lead_ids: Sequence[str]) -> list[tuple[datetime, dict[str, Any]]]:
    """Return the rejections by actions that the router applied, as outcome records, each with its time."""
    caused = events.alias()
    statement = (
        select(events.c.at, events.c.data, caused.c.data.label("change"))
        .join(caused, caused.c.causation_id == events.c.id)
        .where(events.c.type == ACTION_RECEIVED, events.c.subject.in_(lead_ids))
        .where(caused.c.type.in_(_RELEASES), caused.c.subject.in_(lead_ids))
    )
    found: list[tuple[datetime, dict[str, Any]]] = []
    for row in await tx.execute(statement):
        action, change = msgspec.json.decode(row.data), msgspec.json.decode(row.change)
        if action.get("type") != "reject":
            continue
        rejected = {"type": "rejected", "at": row.at, "lead_id": change["lead_id"]}
        rejected |= {"reason": change.get("reason"), "rep": change.get("previous_owner")}
        rejected |= {"actor": change["actor"]} if change.get("actor") else {}
        found.append((row.at, rejected))
    return found

"""Questions about reps and their queues: who is available, who holds how much, and what a queue has in it.

The gateway writes who is available; everything else here is the router's, the ledger's and the scorer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from msgspec import Struct
from sqlalchemy import RowMapping, Select, and_, func, or_, select

from services.enricher.tables import leads
from services.gateway.tables import rep_availability
from services.ledger.tables import lead_views
from services.router.tables import assignments, rep_queues, routed_leads
from services.scorer.tables import scores
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.storage.rows import Row


class RepAvailability(Row, frozen=True):
    """Whether a rep takes new leads; a rep without a row does."""

    rep: str
    available: bool
    updated_at: datetime
    table: ClassVar[str] = "rep_availability"
    key_fields: ClassVar[tuple[str, ...]] = ("rep",)
    upsert: ClassVar[bool] = True


class Load(Struct, frozen=True):
    """What reps hold: leads that they own now, and assignments that they were ever given."""

    open_leads: int = 0
    credits: int = 0


async def away_reps(tx: Tx) -> frozenset[str]:
    """Return the reps who take no new leads."""
    away = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return frozenset((await tx.execute(away)).scalars())


async def loads_by_rep(tx: Tx) -> Mapping[str, Load]:
    """Return what every rep holds who has a place in a queue."""
    summed = select(
        rep_queues.c.rep,
        func.sum(rep_queues.c.open_leads).label("held"),
        func.sum(rep_queues.c.credits).label("given"),
    ).group_by(rep_queues.c.rep)
    found = (await tx.execute(summed)).mappings()
    return {row["rep"]: Load(int(row["held"]), int(row["given"])) for row in found}


async def open_by_queue(tx: Tx) -> Mapping[str, int]:
    """Return how many leads of each queue somebody owns."""
    held = func.sum(rep_queues.c.open_leads).label("number")
    return await _by_queue(tx, select(rep_queues.c.queue, held).group_by(rep_queues.c.queue))


async def waiting_by_queue(tx: Tx) -> Mapping[str, int]:
    """Return how many leads of each queue wait for somebody to own them."""
    counted = select(routed_leads.c.queue, func.count().label("number"))
    waiting = counted.where(routed_leads.c.waiting_since.is_not(None))
    return await _by_queue(tx, waiting.group_by(routed_leads.c.queue))


async def queue_leads(
    tx: Tx, queue: str, owner: str | None, after: Cursor | None, limit: int
) -> Sequence[RowMapping]:
    """Return at most `limit` leads that are owned in the queue or wait there, the newest first."""
    owned = and_(assignments.c.lead_id == lead_views.c.lead_id, assignments.c.closed_at.is_(None))
    statement = (
        select(
            lead_views,
            leads.c.person,
            leads.c.company,
            scores.c.score,
            assignments.c.rep,
            assignments.c.opened_at,
            assignments.c.accept_by,
            assignments.c.accepted_at,
            routed_leads.c.waiting_since,
        )
        .join(routed_leads, routed_leads.c.lead_id == lead_views.c.lead_id)
        .outerjoin(assignments, owned)
        .outerjoin(leads, leads.c.lead_id == lead_views.c.lead_id)
        .outerjoin(scores, scores.c.lead_id == lead_views.c.lead_id)
        .where(lead_views.c.queue == queue, lead_views.c.status == "routed")
        .where(or_(assignments.c.id.is_not(None), routed_leads.c.waiting_since.is_not(None)))
        .order_by(lead_views.c.first_at.desc(), lead_views.c.lead_id.desc())
        .limit(limit)
    )
    if owner is not None:
        statement = statement.where(assignments.c.rep == owner)
    if after is not None:
        statement = statement.where(after_cursor(after, lead_views.c.first_at, lead_views.c.lead_id))
    return (await tx.execute(statement)).mappings().all()


async def _by_queue(tx: Tx, counted: Select[tuple[str, int]]) -> Mapping[str, int]:
    return {row["queue"]: int(row["number"]) for row in (await tx.execute(counted)).mappings()}

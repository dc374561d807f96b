"""Reps and queues: availability, open leads, and the leads of a queue.

The gateway writes the availability; the rest is from tables of the router, the ledger and the scorer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from msgspec import Struct
from sqlalchemy import RowMapping, Select, and_, case, func, or_, select, text, union

from services.enricher.tables import leads
from services.gateway.queries.bounded_counts import counts_up_to
from services.gateway.tables import rep_availability
from services.ledger.tables import lead_views
from services.router.domain.ownership import ROLE, SLA
from services.router.tables import assignments, notified_leads, rep_queues, routed_leads
from services.scorer.tables import scores
from shared.lead.events.routing import Motion
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.storage.rows import Row
from shared.worker.tables import timers

_QUEUE_LEAD_COLUMNS: Final = (
    *(column for column in lead_views.c if column.name not in ("motion", "company")),
    leads.c.person,
    leads.c.company,
    scores.c.score,
    assignments.c.rep,
    assignments.c.opened_at,
    assignments.c.accept_by,
    assignments.c.accepted_at,
    routed_leads.c.waiting_since,
    routed_leads.c.motion,
    notified_leads.c.at.label("notified_at"),
    timers.c.due_at.label("next_step_at"),
)


class RepAvailability(Row, frozen=True):
    """A row of `rep_availability`: whether a rep gets new leads. A rep without a row does."""

    rep: str
    available: bool
    updated_at: datetime
    table: ClassVar[str] = "rep_availability"
    key_fields: ClassVar[tuple[str, ...]] = ("rep",)
    upsert: ClassVar[bool] = True


async def unavailable_reps(tx: Tx) -> frozenset[str]:
    """Return the ids of the reps who get no new leads."""
    unavailable = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return frozenset((await tx.execute(unavailable)).scalars())


async def rejections_by_rep(tx: Tx) -> Mapping[str, Mapping[str, int]]:
    """Return for each rep how many leads the rep rejected and Baton still remembers, by reason."""
    counted = select(assignments.c.rep, assignments.c.reason, func.count().label("number"))
    of_reasons = counted.where(assignments.c.reason.is_not(None))
    rejected: dict[str, dict[str, int]] = {}
    for row in (await tx.execute(of_reasons.group_by(assignments.c.rep, assignments.c.reason))).mappings():
        rejected.setdefault(row["rep"], {})[row["reason"]] = int(row["number"])
    return rejected


class Unaccepted(Struct, frozen=True):
    """How many leads a rep has not accepted yet, and of how many of them the time to accept is over."""

    leads: int = 0
    late: int = 0


async def unaccepted_by_rep(tx: Tx, now: datetime) -> Mapping[str, Unaccepted]:
    """Return the leads that wait to be accepted, by the rep who owns them."""
    is_late = case((assignments.c.accept_by <= now, 1), else_=0)
    waiting = and_(assignments.c.closed_at.is_(None), assignments.c.accepted_at.is_(None))
    counted = select(assignments.c.rep, func.count().label("leads"), func.sum(is_late).label("late"))
    found = await tx.execute(
        counted.where(waiting, assignments.c.joined.is_(False)).group_by(assignments.c.rep)
    )
    return {row.rep: Unaccepted(int(row.leads), int(row.late)) for row in found}


async def open_by_queue(tx: Tx) -> Mapping[str, int]:
    """Return how many leads of each queue are owned."""
    open_leads = func.sum(rep_queues.c.open_leads).label("number")
    return await _by_queue(tx, select(rep_queues.c.queue, open_leads).group_by(rep_queues.c.queue))


async def waiting_by_queue(tx: Tx) -> Mapping[str, int]:
    """Return how many leads of each queue wait for an eligible rep."""
    counted = select(routed_leads.c.queue, func.count().label("number"))
    waiting = counted.where(routed_leads.c.waiting_since.is_not(None))
    return await _by_queue(tx, waiting.group_by(routed_leads.c.queue))


async def listed_by_queue(tx: Tx, queues: Iterable[str]) -> Mapping[str, int]:
    """Return how many nurture leads of each queue are listed: without owner, clock and credit.

    It is `COUNTED_MAX` where there are more.
    """
    listed = select(routed_leads.c.queue).where(text("status = 'listed'"))
    return await counts_up_to(tx, {name: listed.where(routed_leads.c.queue == name) for name in queues})


async def list_queue_leads(
    tx: Tx,
    queue: str,
    after: Cursor | None,
    limit: int,
    *,
    owner: str | None = None,
    motion: Motion | None = None,
    has_joined: bool = False,
) -> Sequence[RowMapping]:
    """Return at most `limit` leads of a queue, the newest first: those that are owned or wait there.

    With motion `nurture` they are those that are nurtured, listed ones too; those that are listed are part of
    no other list. With `has_joined` the leads whose owner a rep of the queue joined are part of it. Each row
    has the view of the lead, its owner and clock, its person, company and score.
    """
    is_worked = or_(assignments.c.id.is_not(None), routed_leads.c.waiting_since.is_not(None))
    active = and_(assignments.c.lead_id == lead_views.c.lead_id, assignments.c.closed_at.is_(None))
    owned = and_(active, assignments.c.joined.is_(False))
    awaited = and_(timers.c.subject == lead_views.c.lead_id, timers.c.role == ROLE, timers.c.kind == SLA)
    statement = (
        select(*_QUEUE_LEAD_COLUMNS)
        .join(routed_leads, routed_leads.c.lead_id == lead_views.c.lead_id)
        .outerjoin(assignments, owned)
        .outerjoin(leads, leads.c.lead_id == lead_views.c.lead_id)
        .outerjoin(scores, scores.c.lead_id == lead_views.c.lead_id)
        .outerjoin(notified_leads, notified_leads.c.lead_id == lead_views.c.lead_id)
        .outerjoin(timers, awaited)
        .where(lead_views.c.status == "routed")
        .where(or_(is_worked, routed_leads.c.status == "listed") if motion == "nurture" else is_worked)
        .order_by(lead_views.c.first_at.desc(), lead_views.c.lead_id.desc())
        .limit(limit)
    )
    if motion is not None:
        statement = statement.where(routed_leads.c.motion == motion)
    if motion != "nurture":
        # Few among those that ever were in the queue.
        open_here = and_(assignments.c.closed_at.is_(None), assignments.c.queue == queue)
        waits_here = and_(routed_leads.c.waiting_since.is_not(None), routed_leads.c.queue == queue)
        worked = union(
            select(assignments.c.lead_id).where(open_here), select(routed_leads.c.lead_id).where(waits_here)
        )
        statement = statement.where(lead_views.c.lead_id.in_(worked))
    is_in_queue, is_owners = lead_views.c.queue == queue, assignments.c.rep == (owner or "")
    if has_joined:
        other = assignments.alias()
        joined = select(other.c.lead_id).where(other.c.joined, other.c.closed_at.is_(None))
        joined = joined.where(other.c.queue == queue)
        is_in_queue = or_(is_in_queue, lead_views.c.lead_id.in_(joined))
        is_owners = or_(is_owners, lead_views.c.lead_id.in_(joined.where(other.c.rep == (owner or ""))))
    statement = statement.where(is_in_queue) if owner is None else statement.where(is_in_queue, is_owners)
    if after is not None:
        statement = statement.where(after_cursor(after, lead_views.c.first_at, lead_views.c.lead_id))
    return (await tx.execute(statement)).mappings().all()


async def _by_queue(tx: Tx, counted: Select[tuple[str, int]]) -> Mapping[str, int]:
    return {row["queue"]: int(row["number"]) for row in (await tx.execute(counted)).mappings()}

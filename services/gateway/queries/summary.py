"""The counts behind the summary of a period, what it cost, and what needs a look now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import func, or_, select

from services.enricher.tables import provider_spend
from services.gateway.domain.reports.figures import counted
from services.gateway.domain.reports.periods import Period, Window, named_period, period_before
from services.gateway.domain.reports.summary import (
    Attention,
    ComparedSummary,
    PresentLoad,
    SummarySums,
    attention,
    figures_of,
    with_cost,
)
from services.gateway.queries.report_counters import Counters
from services.gateway.tables import rep_availability
from services.ledger.domain.counters import ANY_VERSION
from services.ledger.tables import duration_counters, lead_counters, path_counters, rep_counters
from services.router.domain.schedule import RepSchedule
from services.router.tables import assignments, rep_queues, routed_leads
from shared.policy.models import Policy
from shared.policy.tables import policies
from shared.storage.database import Tx

_OF_REPS: Final = ("assigned", "accepted", "late", "rejected", "meetings", "won")
_WAITS: Final = timedelta(hours=1)
_LATE: Final = timedelta(days=1)


async def read_summary(counters: Counters, windows: Sequence[Window]) -> list[SummarySums]:
    """Return the counts of periods, in their order."""
    leads = await counters.sums_of(lead_counters, ("dimension", "name"), windows)
    paths = await counters.sums_of(path_counters, ("step", "queue", "change"), windows, policy=ANY_VERSION)
    reps = await counters.sums_of(rep_counters, ("queue",), windows, _OF_REPS)
    took = await counters.sums_of(duration_counters, ("clock", "bucket"), windows)
    return [SummarySums(*sums) for sums in zip(leads, paths, reps, took, strict=True)]


async def cents_by_day(tx: Tx, since: date, until: date) -> dict[date, int]:
    """Return what all providers together cost on each day, both days included."""
    between = provider_spend.c.day.between(since.isoformat(), until.isoformat())
    cents = func.sum(provider_spend.c.cents).label("cents")
    statement = select(provider_spend.c.day, cents).where(between).group_by(provider_spend.c.day)
    return {
        date.fromisoformat(row["day"]): int(row["cents"]) for row in (await tx.execute(statement)).mappings()
    }


async def compared_summary(tx: Tx, counters: Counters, window: Window) -> ComparedSummary:
    """Return a period beside the one before it."""
    earlier = period_before(window)
    windows = [window] if earlier is None else [window, earlier]
    sums = await read_summary(counters, windows)
    costs: list[int | None] = [None, None]
    if isinstance(window, Period):
        since = earlier.since if isinstance(earlier, Period) else window.since
        by_day = await cents_by_day(tx, since, window.until)
        costs[0] = sum(cents for day, cents in by_day.items() if day >= window.since)
        costs[1] = sum(cents for day, cents in by_day.items() if day < window.since)
    figures = [with_cost(figures_of(one), cents) for one, cents in zip(sums, costs, strict=False)]
    return ComparedSummary(sums[0], figures[0], figures[1] if earlier is not None else {})


class Present(NamedTuple):
    """How leads stand now, and since when the policy is in force."""

    load: PresentLoad
    in_force_since: datetime | None


async def present_load(tx: Tx, away: Collection[str], now: datetime) -> Present:
    """Return what waits and is late; `away` are the reps who are absent by the policy."""
    is_open = assignments.c.closed_at.is_(None), assignments.c.accepted_at.is_(None)
    waiting = (
        select(func.count()).select_from(routed_leads).where(routed_leads.c.waiting_since < now - _WAITS)
    )
    late = (
        select(func.count()).select_from(assignments).where(*is_open, assignments.c.accept_by < now - _LATE)
    )
    since = select(policies.c.activated_at).order_by(policies.c.activation.desc()).limit(1)
    row = (
        await tx.execute(
            select(
                waiting.scalar_subquery().label("waiting"),
                late.scalar_subquery().label("late"),
                since.scalar_subquery().label("since"),
            )
        )
    ).one()
    unavailable = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    is_away = or_(assignments.c.rep.in_(unavailable), assignments.c.rep.in_(sorted(away)))
    held = (
        select(assignments.c.rep, func.count().label("leads"))
        .where(*is_open, is_away)
        .group_by(assignments.c.rep)
    )
    opened = select(rep_queues.c.rep, func.sum(rep_queues.c.open_leads).label("leads")).group_by(
        rep_queues.c.rep
    )
    load = PresentLoad(
        waiting=row.waiting,
        late=row.late,
        held={one["rep"]: int(one["leads"]) for one in (await tx.execute(held)).mappings()},
        open_leads={one["rep"]: int(one["leads"]) for one in (await tx.execute(opened)).mappings()},
    )
    return Present(load, row.since)


async def read_attention(tx: Tx, counters: Counters, policy: Policy, now: datetime) -> list[Attention]:
    """Return what needs a look now."""
    month = named_period("30d", now)
    reps = policy.team.reps
    away = {rep.id for rep in reps if rep.away and RepSchedule(rep, None).at(now).skipped == "unavailable"}
    steps = await counters.sums(path_counters, ("step",), month, ("leads",), policy=ANY_VERSION)
    fields = await counters.sums(lead_counters, ("name",), month, ("captured",), dimension="missing")
    present = await present_load(tx, away, now)
    is_tried = present.in_force_since is not None and (now - present.in_force_since).days >= 30
    return attention(
        present.load,
        {rep.id: rep.max_open for rep in reps if rep.max_open is not None},
        {rep.id: rep.name for rep in reps},
        [
            rule.name
            for rule in policy.routing.rules
            if is_tried and not counted(steps.get((rule.name,), {}), "leads")
        ],
        {
            name: counted(counts, "captured")
            for (name,), counts in fields.items()
            if not name or name in policy.providers.fields
        },
    )

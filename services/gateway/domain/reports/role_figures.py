"""The figures by which a role is measured, of a rep or of all reps of the role together. Pure.

A figure that needs outcomes of which none was recorded in the period has no value: no meeting that became
an opportunity is one thing, a CRM that reports no opportunities another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from services.gateway.domain.reports.durations import duration_figure
from services.gateway.domain.reports.figures import Figure, counted, figure, share
from services.gateway.domain.reports.team_roles import Role

if TYPE_CHECKING:
    from shared.policy.models import Rep

_DAYS_OF: Final[Mapping[str, float]] = {"month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
_WEEK: Final = 7


class Basis(Struct, frozen=True):
    """What the figures of one rep, or of one role, are made of.

    `counts` are those of the period; `open_usd` is the open pipeline at its end. `recorded` are the counters
    that anybody has in the period. `counted_days` are the days of the period that were counted. `qualified`
    has the times from first contact to qualified by bucket; None for a rep: they are counted by queue.
    """

    counts: Mapping[str, int]
    open_usd: int
    reps: Sequence[Rep]
    days: int
    counted_days: int
    recorded: Collection[str]
    qualified: Mapping[int, int] | None = None


def figures_of(role: Role, basis: Basis) -> dict[str, Figure]:
    """Return the figures of a role by name."""
    return _FIGURES[role](basis)


def counted_days(since: date, until: date, counted_since: date | None, today: date) -> int:
    """Return how many days of a period have been counted so far."""
    if counted_since is None:
        return 0
    return max(0, (min(until, today) - max(since, counted_since)).days + 1)


def sdr_figures(basis: Basis) -> dict[str, Figure]:
    counts = basis.counts
    meetings, weeks = counted(counts, "meetings"), basis.counted_days / _WEEK
    has_week = basis.counted_days >= _WEEK
    known = has_week and "meetings" in basis.recorded and bool(basis.reps)
    needs = "outcomes of type meeting_booked" if has_week else "a week of counting"
    return {
        "meetings_per_week": figure(
            meetings / weeks / len(basis.reps) if known else None,
            "number",
            needs=needs if basis.reps else "reps of this role in the team",
            healthy="meetings_per_week",
        ),
        "meeting_to_opportunity": _share_of_recorded(
            basis, "met_opportunity", "met", counter="opportunities", healthy="meeting_to_opportunity"
        ),
        "reply_rate": _share_of_recorded(
            basis, "replied", "accepted", counter="replied", healthy="reply_rate"
        ),
    }


def bdr_figures(basis: Basis) -> dict[str, Figure]:
    found = {
        "named_pipeline": figure(
            counted(basis.counts, "named_usd") if "named" in basis.recorded else None,
            "usd",
            n=counted(basis.counts, "named"),
            needs="outcomes of type opportunity for leads of target accounts, with amounts in US dollars",
            note=_without_usd(basis),
        )
    }
    if basis.qualified is not None:
        needs = "outcomes of type opportunity for leads that were accepted"
        found["days_to_qualified"] = duration_figure(
            basis.qualified, 0.5, unit="days", needs=needs, healthy="days_to_qualified"
        )
    return found


def ae_figures(basis: Basis) -> dict[str, Figure]:
    counts = basis.counts
    won, lost = counted(counts, "won"), counted(counts, "lost")
    with_quota = [rep for rep in basis.reps if rep.quota is not None]
    per_day = sum(rep.quota.amount_usd / _DAYS_OF[rep.quota.period] for rep in with_quota if rep.quota)
    quota = sum(rep.quota.amount_usd for rep in with_quota if rep.quota)
    missing = (
        [] if len(with_quota) == len(basis.reps) and basis.reps else ["`quota` of every rep in team.yaml"]
    )
    closing = [] if "won_usd" in basis.recorded else ["outcomes of type won with amounts in US dollars"]
    opening = (
        []
        if "opportunity_usd" in basis.recorded
        else ["outcomes of type opportunity with amounts in US dollars"]
    )
    partly = f"only {basis.counted_days} of {basis.days} days were counted so far"
    has_lost, has_won = "lost" in basis.recorded, "won" in basis.recorded
    return {
        "win_rate": share(
            won,
            won + lost if has_lost and has_won else 0,
            needs="outcomes of the types won and lost"
            if not (has_lost and has_won)
            else "decided opportunities",
            healthy="win_rate",
        ),
        "attainment": figure(
            counted(counts, "won_usd") / (per_day * basis.days) if not missing + closing else None,
            "share",
            needs=" and ".join(missing + closing),
            healthy="attainment",
            note="; ".join(filter(None, (partly * (basis.counted_days < basis.days), _without_usd(basis))))
            or None,
        ),
        "coverage": figure(
            basis.open_usd / quota if not missing + opening else None,
            "times",
            needs=" and ".join(missing + opening),
            healthy="coverage",
            note=_without_usd(basis),
        ),
    }


def se_figures(basis: Basis) -> dict[str, Figure]:
    won, lost = counted(basis.counts, "pilots_won"), counted(basis.counts, "pilots_lost")
    needs = "outcomes of the types pilot_won and pilot_lost"
    return {"pilot_conversion": share(won, won + lost, needs=needs, healthy="pilot_conversion")}


def csm_figures(basis: Basis) -> dict[str, Figure]:
    counts = basis.counts
    renewed, expanded = counted(counts, "renewed_usd"), counted(counts, "expanded_usd")
    given_up = counted(counts, "contracted_usd") + counted(counts, "churned_usd")
    due, n = renewed + given_up, counted(counts, "revenue_events")
    needs = "outcomes renewed, expanded, contracted and churned with amounts in US dollars"
    return {
        "net_revenue_retention": figure(
            (renewed + expanded) / due if due > 0 else None,
            "share",
            needs=needs,
            n=n,
            healthy="net_revenue_retention",
            note=_without_usd(basis),
        ),
        "gross_revenue_retention": figure(
            renewed / due if due > 0 else None,
            "share",
            needs=needs,
            n=n,
            healthy="gross_revenue_retention",
            note=_without_usd(basis),
        ),
    }


_FIGURES: Final[Mapping[Role, Callable[[Basis], dict[str, Figure]]]] = {
    "SDR": sdr_figures,
    "BDR": bdr_figures,
    "AE": ae_figures,
    "SE": se_figures,
    "CSM": csm_figures,
}

_TYPES: Final = {"opportunities": "opportunity", "replied": "reply"}


def _share_of_recorded(basis: Basis, part: str, whole: str, *, counter: str, healthy: str) -> Figure:
    """Return a share, without a value where no such outcome was ever recorded."""
    n = counted(basis.counts, whole)
    cases = {"met": "booked meetings", "accepted": "accepted leads"}[whole]
    if counter not in basis.recorded:
        return figure(None, "share", needs=f"outcomes of type {_TYPES[counter]}", n=n, healthy=healthy)
    return share(counted(basis.counts, part), n, needs=cases, healthy=healthy)


def _without_usd(basis: Basis) -> str | None:
    """Say how many outcomes are missing from a sum of money, None if none is."""
    number = counted(basis.counts, "without_usd")
    if not number:
        return None
    outcomes, are = ("outcome", "is") if number == 1 else ("outcomes", "are")
    return f"{number} {outcomes} without an amount in US dollars {are} not in it"

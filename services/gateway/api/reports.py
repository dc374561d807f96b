"""`/v1/reports`: figures of a period for managers, beside the ranges that are usual in the field."""

from datetime import date, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Security
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.reports.conversions import best_grade_in_words, conversions
from services.gateway.domain.reports.figures import Unit, Verdict
from services.gateway.queries.report_counters import Counters, Period, Sums
from services.gateway.state import GatewayState
from services.ledger.domain.counters import Dimension
from services.ledger.tables import lead_counters
from shared.errors import Reject

router = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)

DAYS_DEFAULT: Final = 90
DAYS_MAX: Final = 3_660
_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(9_000, 1, 1)

Day = Annotated[date, Field(strict=False)]


class HealthyRangeView(ApiModel):
    """What is usual in the field, both ends included; null where there is no end."""

    lowest: Annotated[float | None, Field(serialization_alias="from")]
    highest: Annotated[float | None, Field(serialization_alias="to")]
    source: str


class FigureView(ApiModel):
    """A figure. Without a `value`, `needs` says what it would need.

    - `unit`: `share` (0.2 is 20 %), `number`, `usd`, `days`, `seconds`, or `times`.
    - `n`: how many cases the figure is made of, where it is made of cases.
    - `healthy`: the range that is usual in the field, with its source.
    - `verdict`: how the value compares with the range; null with fewer than 10 cases, which prove nothing.
    """

    value: float | None
    unit: Unit
    n: int | None
    needs: str | None
    healthy: HealthyRangeView | None
    verdict: Verdict | None


class ReportView(ApiModel):
    """What all reports say first. Days are those of UTC, `since` and `until` included.

    `counted_since` is the first day that the counters know; what was before is in no report.
    """

    since: Day
    until: Day
    counted_since: Day | None


class ConversionView(ApiModel):
    """The leads of one name that were captured in these days, and how many of them came how far by now.

    `captured` counts each person once. `suppressed` are those that go to nobody as it stands, `assigned`
    those that had an owner, `accepted` those whose owner took them up. `won_usd` sums amounts in US dollars.
    """

    name: str
    captured: int
    suppressed: int
    assigned: int
    accepted: int
    meetings: int
    opportunities: int
    won: int
    lost: int
    won_usd: int
    to_meeting: FigureView
    to_opportunity: FigureView
    to_won: FigureView


class ScoresReport(ReportView):
    """Which grades and bands become customers. A lead has the grade with which it first got an owner.

    Leads that were never routed have the empty name. `in_words` says whether the best grade converts better.
    """

    in_words: str
    grades: list[ConversionView]
    bands: list[ConversionView]


class SourcesReport(ReportView):
    """Where the leads come from that become customers. A lead counts for what brought it first.

    Rows are those with most leads; the rest, and names that might name a person, are `(other)`.
    """

    channels: list[ConversionView]
    sources: list[ConversionView]
    campaigns: list[ConversionView]


def report_period(
    gateway: Gateway,
    since: Annotated[
        date | None, Query(description=f"The first day (UTC); by default {DAYS_DEFAULT} days are reported on")
    ] = None,
    until: Annotated[date | None, Query(description="The last day (UTC); today by default")] = None,
) -> Period:
    """Return the days that the query asks for. Raises `Reject` (422)."""
    last = gateway.clock.now().date() if until is None else max(until, _FIRST)
    period = Period(last - timedelta(days=DAYS_DEFAULT - 1) if since is None else since, last)
    if not _FIRST <= period.since <= period.until <= _LAST or period.days > DAYS_MAX:
        detail = f"since must not be after until, and at most {DAYS_MAX} days before it"
        raise Reject(422, "invalid-period", "These are no days to report on", detail)
    return period


Days = Annotated[Period, Depends(report_period)]


@router.get("/scores", summary="Report whether good scores become customers")
async def get_scores(gateway: Gateway, days: Days) -> ScoresReport:
    sums, period = await _leads(gateway, days)
    grades = conversions(sums, "grade", by_name=True)
    bands = conversions(sums, "band")
    return ScoresReport.model_validate(
        {**period, "in_words": best_grade_in_words(grades), "grades": grades, "bands": bands}
    )


@router.get("/sources", summary="Report which channels, sources and campaigns bring customers")
async def get_sources_report(gateway: Gateway, days: Days) -> SourcesReport:
    sums, period = await _leads(gateway, days)
    dimensions: dict[str, Dimension] = {"channels": "channel", "sources": "source", "campaigns": "campaign"}
    rows = {name: conversions(sums, dimension) for name, dimension in dimensions.items()}
    return SourcesReport.model_validate({**period, **rows})


async def _leads(gateway: GatewayState, days: Period) -> tuple[Sums, dict[str, Any]]:
    """Return what became of leads by dimension and name, and what a report says first."""
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        sums = await counters.sums(lead_counters, ("dimension", "name"), days)
        counted_since = await counters.counted_since()
    return sums, {"since": days.since, "until": days.until, "counted_since": counted_since}

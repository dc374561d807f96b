"""`/v1/reports/scores|sources`: which leads become customers, by grade and by where they came from."""

from typing import Any

from fastapi import APIRouter, Security

from services.gateway.api.report_parts import Days, FigureView, ReportView, heading
from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.reports.conversions import best_grade_in_words, conversions
from services.gateway.domain.reports.periods import Period
from services.gateway.queries.report_counters import Counters, Sums
from services.gateway.state import GatewayState
from services.ledger.domain.counters import Dimension
from services.ledger.tables import lead_counters

router = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)


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
    return sums, heading(days, counted_since)

"""`/v1/reports/summary|attention`: the figures of a period beside those before, and what needs a look."""

from typing import Any

from fastapi import APIRouter, Security

from services.gateway.api.report_parts import FigureView, ReportView, Windowed
from services.gateway.api.reports import ConversionView
from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.reports.conversions import conversions
from services.gateway.domain.reports.summary import AttentionKind, late_by_rule, source_bands
from services.gateway.queries.report_counters import Counters
from services.gateway.queries.summary import compared_summary, read_attention

router = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


class ComparedFigure(ApiModel):
    """A figure of the period, and the same of the period of this length before it; null without one."""

    now: FigureView
    before: FigureView | None


class LateCellView(ApiModel):
    """Of the leads captured in the period that a rule led to a queue, the share not accepted in time."""

    rule: str
    queue: str
    assigned: int
    late: int
    late_share: FigureView


class SourceBandsView(ApiModel):
    """The leads of a source that were captured in the period, by band."""

    source: str
    leads: int
    bands: dict[str, int]


class SummaryReport(ReportView):
    """What happened in a period.

    - `received`: leads that were captured; `routed` and `suppressed`: where the last decision on them led;
    - `to_route` and `to_accept`: the medians, and with `_p95` what 95 of 100 did not exceed;
    - `late_share` of the assigned leads; `accepted`, `given_back`, `meetings`, `won`: what happened in these
      days, whenever the lead was captured;
    - `cost_per_routed_lead`: what providers cost in these days; it is counted by the day.
    """

    figures: dict[str, ComparedFigure]
    late_by_rule: list[LateCellView]
    grades: list[ConversionView]
    sources: list[SourceBandsView]


class AttentionView(ApiModel):
    """Something to look at. `subject` is the rep, rule or field, `says` describes it in a sentence."""

    kind: AttentionKind
    subject: str
    count: int
    says: str


class AttentionReport(ApiModel):
    """What needs a look now, the most pressing first."""

    items: list[AttentionView]


@router.get("/summary", summary="Report the figures of a period beside those of the period before")
async def get_summary(gateway: Gateway, asked: Windowed) -> SummaryReport:
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        found = await compared_summary(tx, counters, asked.window)
        counted_since = await counters.counted_since()
    figures = {name: {"now": one, "before": found.before.get(name)} for name, one in found.figures.items()}
    fields: dict[str, Any] = {
        **asked.heading(counted_since),
        "figures": figures,
        "late_by_rule": late_by_rule(found.sums.paths),
        "grades": conversions(found.sums.leads, "grade", by_name=True),
        "sources": source_bands(found.sums.leads),
    }
    return SummaryReport.model_validate(fields)


@router.get("/attention", summary="Report what needs a look now")
async def get_attention(gateway: Gateway) -> AttentionReport:
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        items = await read_attention(tx, await Counters.open(tx), policy, gateway.clock.now())
    return AttentionReport.model_validate({"items": items})

"""`/v1/providers`: the enrichment providers, with their state, calls, matches and cost."""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Security

from services.enricher.domain.provider_status import ProviderState
from services.gateway.api.report_parts import Days, ReportView, heading
from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import CompleteList, Gateway, caller
from services.gateway.domain.reports.periods import Period
from services.gateway.queries.providers import (
    ProviderUsage,
    first_day_of_usage,
    states_by_provider,
    stored_answers_by_provider,
    usage_by_provider,
)
from services.gateway.state import GatewayState

router = APIRouter(
    prefix="/v1/providers",
    tags=["Integrations"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)

reports = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 366


class ProviderUsageView(ApiModel):
    """A provider of the active policy: its state, and its usage in the days asked for. Money is in cents.

    - `state`: `active`; `limited` (more is asked of it than it takes), `paused` (it refuses its key, or its
      credits are spent), `failing` (its calls fail), `no_key`, `unusable`, or `unknown` before an enricher
      has reported. `reason` says why, `since` when it began.
    - `price` and `charged` are those of the policy; null where the integration's own prices count.
    - `hit_rate`: the share of its answers that found a match; `unchanged_share`: of those after which
      nothing was changed in the lead. Null without answers.
    - `cost_by_field`: what the fields cost that its answers gave, or were asked for in vain.
    """

    name: str
    integration: str
    state: ProviderState | Literal["unknown"]
    reason: str
    since: datetime | None
    price: int | None
    charged: Literal["match", "call"] | None
    fields: list[str]
    calls: int
    answers: int
    matches: int
    hit_rate: float | None
    unchanged: int
    unchanged_share: float | None
    cost: int
    cost_today: int
    cost_by_field: dict[str, int]


class ProviderView(ProviderUsageView):
    """A provider of the active policy, with how many stored answers save a paid call while they are fresh.

    `answers_kept` stops at 1,000.
    """

    answers_kept: int


class ProvidersReport(ReportView):
    """What the providers of the active policy found and cost; `counted_since`: when one was first asked."""

    providers: list[ProviderUsageView]


@router.get("", summary="List the providers, with their state, calls, matches and cost in cents")
async def get_providers(
    gateway: Gateway,
    days: Annotated[
        int,
        Query(
            ge=1,
            le=DAYS_MAX,
            description=f"How many days back, today included; {DAYS_DEFAULT} by default",
        ),
    ] = DAYS_DEFAULT,
) -> CompleteList[ProviderView]:
    today = gateway.clock.now().date()
    views = await _usage(gateway, Period(today - timedelta(days=days - 1), today))
    async with gateway.database.read() as tx:
        kept = await stored_answers_by_provider(tx, [view.name for view in views])
    return CompleteList(
        data=[ProviderView(**dict(view), answers_kept=kept.get(view.name, 0)) for view in views]
    )


@reports.get("/providers", summary="Report what the providers found and cost in a period, in cents")
async def get_providers_report(gateway: Gateway, days: Days) -> ProvidersReport:
    views = await _usage(gateway, days)
    async with gateway.database.read() as tx:
        first = await first_day_of_usage(tx)
    return ProvidersReport.model_validate({**heading(days, first), "providers": views})


async def _usage(gateway: GatewayState, period: Period) -> list[ProviderUsageView]:
    today = gateway.clock.now().date()
    policy = (await gateway.policies.start()).policy.providers
    async with gateway.database.read() as tx:
        states = await states_by_provider(tx)
        usage = await usage_by_provider(tx, period.since, period.until, today)
    views: list[ProviderUsageView] = []
    for name, provider in policy.providers.items():
        condition, used = states.get(name), usage.get(name, ProviderUsage())
        views.append(
            ProviderUsageView(
                name=name,
                integration=provider.integration,
                state=condition.state if condition else "unknown",
                reason=condition.reason if condition else "no enricher has reported it yet",
                since=condition.since if condition else None,
                price=provider.price_cents,
                charged=provider.charged,
                fields=[field for field, waterfall in policy.fields.items() if name in waterfall.order],
                calls=used.calls,
                answers=used.answers,
                matches=used.matches,
                hit_rate=round(used.matches / used.answers, 3) if used.answers else None,
                unchanged=used.unchanged,
                unchanged_share=round(used.unchanged / used.answers, 3) if used.answers else None,
                cost=used.cost,
                cost_today=used.cost_today,
                cost_by_field=dict(sorted(used.cost_by_field.items())),
            )
        )
    return views

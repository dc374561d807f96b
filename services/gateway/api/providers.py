"""`/v1/providers`: the enrichment providers, with their calls, matches and cost."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Security

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import CompleteList, Gateway, caller
from services.gateway.queries.providers import ProviderUsage, stored_answers_by_provider, usage_by_provider

router = APIRouter(
    prefix="/v1/providers",
    tags=["Integrations"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 366


class ProviderView(ApiModel):
    """A provider of the active policy, and its usage in the days asked for. Money is in cents.

    `answers_kept` are stored answers, which save a paid call while they are fresh.
    """

    name: str
    integration: str
    price: int
    charged: Literal["match", "call"]
    fields: list[str]
    calls: int
    matches: int
    cost: int
    answers_kept: int


@router.get("", summary="List the providers, with their calls, matches and cost in cents")
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
    since = (gateway.clock.now() - timedelta(days=days - 1)).date()
    policy = (await gateway.policies.start()).policy.providers
    async with gateway.database.read() as tx:
        usage, stored_answers = await usage_by_provider(tx, since), await stored_answers_by_provider(tx)
    views: list[ProviderView] = []
    for name, provider in policy.providers.items():
        used = usage.get(name, ProviderUsage())
        views.append(
            ProviderView(
                name=name,
                integration=provider.integration,
                price=provider.price_cents,
                charged=provider.charged,
                fields=[field for field, waterfall in policy.fields.items() if name in waterfall.order],
                calls=used.calls,
                matches=used.matches,
                cost=used.cost,
                answers_kept=stored_answers.get(name, 0),
            )
        )
    return CompleteList(data=views)

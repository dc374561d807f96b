"""`/v1/integrations`: the vendors of forms, signals and data that this installation can read."""

from typing import Annotated

from fastapi import APIRouter, Path, Security

from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import CompleteList, Gateway, caller
from services.gateway.integration_list import (
    IntegrationDetails,
    IntegrationSummary,
    find_integration,
    summaries,
)
from services.gateway.not_found import not_found
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/integrations",
    tags=["Integrations"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)


@router.get("", summary="List the integrations of this installation")
async def get_integrations(
    gateway: Gateway,
) -> CompleteList[Annotated[IntegrationSummary, MsgspecType()]]:
    return CompleteList(data=list(summaries(gateway.integrations)))


@router.get(
    "/{kind}/{vendor}",
    summary="Return an integration with the steps to set it up",
    responses=problem_responses(404),
)
async def get_integration(
    kind: Annotated[str, Path(description="`forms`, `signals` or `providers`")], vendor: str, gateway: Gateway
) -> Annotated[IntegrationDetails, MsgspecType()]:
    found = find_integration(gateway.integrations, kind, vendor)
    if found is None:
        raise not_found("integration", "integration", f"{kind}/{vendor}", "GET /v1/integrations", key="name")
    return found

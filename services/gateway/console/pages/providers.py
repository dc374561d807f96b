"""The data providers, `/providers`: what each costs and finds, and what was bought for nothing."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.gateway.api.providers import DAYS_MAX, get_providers
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.providers import providers_view
from services.gateway.dependencies import Gateway, Manager

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get("/providers")
async def show_providers(
    request: Request,
    gateway: Gateway,
    _principal: Manager,
    days: Annotated[int, Query(ge=1, le=DAYS_MAX)] = 30,
) -> Response:
    """Return the page."""
    found = await get_providers(gateway, days)
    return render(request, "providers/page.html", providers_view(found.data, days))

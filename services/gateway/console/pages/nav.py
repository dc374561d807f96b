"""The sidebar's numbers, which a page asks for once it is shown."""

from fastapi import APIRouter, Request, Response

from services.gateway.api.matching_deliveries import HEALTH_PERIOD
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.nav import nav_state
from services.gateway.dependencies import Gateway, Reader
from services.gateway.queries.nav_counts import count_for_nav

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get("/nav")
async def show_nav(request: Request, gateway: Gateway, principal: Reader) -> Response:
    async with gateway.database.read() as tx:
        counts = await count_for_nav(tx, principal.rep, gateway.clock.now() - HEALTH_PERIOD)
    return render(request, "nav.html", nav_state(counts, principal))

"""What the palette finds: leads, accounts and reps, as the search of the API does."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.gateway.api.search import search
from services.gateway.console.rendering import render_part
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.found import found_view
from services.gateway.dependencies import Gateway, Reader

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get("/find")
async def find(
    request: Request, gateway: Gateway, _principal: Reader, q: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Return the options for a text."""
    found = await search(gateway, q, limit=6)
    view = found_view([lead.model_dump() for lead in found.leads], found.accounts, found.reps)
    return render_part(request, "parts/found.html", view)

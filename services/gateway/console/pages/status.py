"""The page Status: what works, what does not, and what waits."""

from fastapi import APIRouter, Request, Response

from services.gateway.api.status import status_of
from services.gateway.console.rendering import is_fragment_request, render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.status import status_view
from services.gateway.dependencies import Gateway, Reader

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get("/status")
async def show_status(request: Request, gateway: Gateway, _principal: Reader) -> Response:
    """Return the page, or its content when the page asks for it anew."""
    view = status_view(await status_of(gateway))
    return render(
        request, "status/content.html" if is_fragment_request(request) else "status/page.html", view
    )

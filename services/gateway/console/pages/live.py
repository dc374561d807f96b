"""`/live`: tells the open pages of a browser what has changed, over one connection for all its tabs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.gateway.api.event_stream import own_leads_only
from services.gateway.console.live import PageChanges
from services.gateway.console.route import ConsoleRoute, find_session
from services.gateway.dependencies import Gateway, Reader
from services.gateway.domain.event_selection import select_events
from services.gateway.domain.stream_position import LENGTH_MAX, read_position
from services.gateway.event_stream.reader import EventReader
from services.gateway.event_stream.response import EventStreamResponse

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get("/live")
async def get_live(
    request: Request,
    principal: Reader,
    gateway: Gateway,
    after: Annotated[str, Query(max_length=LENGTH_MAX)] = "",
) -> EventStreamResponse:
    """Stream changes from the position that a browser had last: in `Last-Event-ID`, or in `after`."""
    try:
        start = read_position(request.headers.get("last-event-id") or after)
    except ValueError:
        start = None  # it has none, or one of another release
    selection = select_events([], {}, only_of_rep=own_leads_only(principal))
    assert callable(selection)  # noqa: S101 - nothing in it can be wrong

    async def is_signed_in() -> bool:
        return await find_session(gateway, request) is not None

    feed = gateway.feed
    await feed.admit(principal.key_id)
    return EventStreamResponse(
        feed,
        EventReader(feed, start),
        principal.key_id,
        frames=PageChanges(gateway, selection, hears_deliveries=principal.may("admin")).frames,
        is_allowed=is_signed_in,
    )

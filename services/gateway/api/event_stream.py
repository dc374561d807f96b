"""`/v1/events/stream`: what happens, as server-sent events."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query
from pydantic import Field

from services.gateway.api_route import ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Gateway, Reader, require_member
from services.gateway.domain.access import Principal
from services.gateway.domain.event_selection import EventSelection, select_events
from services.gateway.domain.stream_position import position_id, read_position
from services.gateway.domain.subscriptions import STREAM_NAMES
from services.gateway.event_stream.reader import EventReader, ReadBatch
from services.gateway.event_stream.response import EventStreamResponse, Frames
from services.gateway.state import GatewayState
from services.router.domain.delivery import webhook_body
from shared.errors import FieldProblem, Reject
from shared.lead.events.registry import BY_NAME
from shared.messaging.port import Partition

router = APIRouter(prefix="/v1/events", tags=["Events"], route_class=ApiRoute)

Values = Annotated[list[str], Field(max_length=50)]

_DESCRIPTION = f"""Server-sent events, as a browser's `EventSource` or `curl -N` reads them. Each has

* `event`: the short type of the event,
* `data`: `{{"id", "type", "timestamp", "data"}}`; `data` is that of the event, as its schema in
  `/asyncapi.json` says, and `id` is the `webhook-id` of its webhook,
* `id`: the position of the stream. Sent as `Last-Event-ID`, it resumes exactly there, at any process of the
  gateway and after a restart, for as long as the topics keep their records.

An event `stream.gap` says that a position is no longer kept; the stream continues with the oldest record that
is. Every 15 s without an event there is a comment. The stream ends when the key is revoked or the gateway
stops, and a client that does not read is cut off: it connects again and resumes.

`queue` and `owner` select events about a lead that is or was in that queue or with that rep. The key of a rep
hears of the rep's own leads only. `types` are {", ".join(f"`{name}`" for name in STREAM_NAMES)}."""


class StreamQuery(RequestBody):
    """Which events are wanted: of one of the types, and of one of the values of each other parameter."""

    types: Values = Field([], description="Short types, families or `*`; several also in one, by commas")
    queue: Values = Field([], description="Names of queues")
    owner: Values = Field([], description="Ids of reps")
    lead_id: Values = Field([], description="Ids of leads")
    account: Values = Field([], description="Keys of accounts")
    filter: str = Field("", max_length=8_000, description="A filter as subscriptions have it, as JSON")


@router.get(
    "/stream",
    status_code=200,
    summary="Follow events as they happen",
    description=_DESCRIPTION,
    response_class=EventStreamResponse,
    response_model=None,
    responses=problem_responses(429),
)
async def get_event_stream(
    principal: Reader,
    gateway: Gateway,
    query: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[
        str | None, Header(description="The `id` of the last event that arrived")
    ] = None,
) -> EventStreamResponse:
    selection = select_events(
        [name for given in query.types for name in given.split(",") if name],
        query.model_dump(include={"queue", "owner", "lead_id", "account"}),
        _filter_of(query.filter),
        only_of_rep=own_leads_only(principal),
    )
    if not callable(selection):
        raise _invalid(selection)
    start = _start_of(last_event_id)
    feed = gateway.feed
    await feed.admit(principal.key_id)
    return EventStreamResponse(
        feed,
        EventReader(feed, start),
        principal.key_id,
        frames=_frames(gateway, selection),
        is_allowed=lambda: is_live(gateway, principal),
    )


def own_leads_only(principal: Principal) -> str | None:
    """Return the rep whose leads alone the caller may hear of, None for a caller who may hear of all."""
    return None if principal.may("manager") else principal.rep


async def is_live(gateway: GatewayState, principal: Principal) -> bool:
    """Return whether the key is not revoked. Raises `Reject` for a rep who has left, `Retry`."""
    await require_member(gateway, principal)
    return await gateway.keys.by_id(principal.key_id) is not None


def _start_of(last_event_id: str | None) -> Mapping[Partition, int] | None:
    if not last_event_id:
        return None
    try:
        return read_position(last_event_id)
    except ValueError as error:
        raise _invalid([FieldProblem("/last-event-id", str(error))]) from error


def _filter_of(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise _invalid([FieldProblem("/filter", "It is not a JSON object")]) from error


def _invalid(problems: list[FieldProblem]) -> Reject:
    return Reject(422, "invalid-filter", "The selection of events is not valid", errors=tuple(problems))


def _frames(gateway: GatewayState, selection: EventSelection) -> Frames:
    """Return the function that makes the frames of a batch; their ids are the positions after the events."""

    async def frames(batch: ReadBatch) -> bytes:
        now, positions = gateway.clock.now(), dict(batch.before)
        parts: list[bytes] = []
        for gap in batch.gaps:
            positions[gap.partition] = gap.found
        if batch.gaps:
            gaps = [
                {**gap.partition._asdict(), "wanted": gap.wanted, "found": gap.found} for gap in batch.gaps
            ]
            body = webhook_body("stream.gap", now, msgspec.json.encode({"gaps": gaps}))
            parts.append(_frame("stream.gap", position_id(positions), body))
        for record in batch.records:
            positions[record.partition] = record.offset + 1
            if not record.type:
                continue
            short = BY_NAME[record.type].short
            if selection(short, gateway.feed.data_of(record), now):
                body = webhook_body(short, record.time, record.raw)
                id_ = msgspec.json.encode(record.id)
                parts.append(_frame(short, position_id(positions), b'{"id":%b,%b' % (id_, body[1:])))
        return b"".join(parts)

    return frames


def _frame(event: str, id_: str, body: bytes) -> bytes:
    # JSON has line breaks only between its tokens, where a space means the same.
    line = body.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"event: %b\nid: %b\ndata: %b\n\n" % (event.encode(), id_.encode(), line)

"""Takes signals in: decodes a body, decides on it, publishes its event, and answers when that is durable."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import UNSET, Struct, UnsetType

from services.gateway.batch import batch_response, validate_items
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.received import Received
from services.gateway.domain.signals import receive_signal
from services.gateway.domain.sources import HookSource
from services.gateway.publish_once import publish_list, publish_received
from services.gateway.request_body import decoded, decoded_strictly, is_list, items, without_bom
from services.gateway.state import GatewayState
from shared.lead.events.signal_received import SignalReceivedV1
from shared.web.event_schema import MsgspecType
from shared.web.problem import Problem

_signal = msgspec.json.Decoder(SignalReceivedV1)
_encode = msgspec.json.Encoder().encode


class AcceptedSignal(Struct, frozen=True):
    """The signal is durably in the stream."""

    event_id: str


class SignalResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list: accepted, or a problem."""

    index: int
    event_id: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class SignalResults(Struct, frozen=True):
    """The result of each item of a list, in its order."""

    results: list[SignalResult]


SignalAnswer = Annotated[AcceptedSignal, MsgspecType()] | Annotated[SignalResults, MsgspecType()]


async def accept_signals(
    gateway: GatewayState, raw: bytes, arrival: Arrival, source: HookSource | None = None
) -> bytes | Response:
    """Publish the signal or the list of signals in `raw`, from a source if it came through one.

    Returns the body of a 202 for a single signal, a whole response for a list. Raises `Reject`, `Retry`.
    """
    raw = without_bom(raw)
    # A tool that has a source of its own may send more than Baton has a field for.
    read = decoded_strictly if source is None else decoded
    if not is_list(raw):
        event = await publish_received(gateway, receive_signal(read(raw, _signal), raw, arrival, source))
        return _encode(AcceptedSignal(event.id))

    def receive(item: bytes, index: int) -> Received[SignalReceivedV1]:
        own = msgspec.structs.replace(arrival, index=index)
        return receive_signal(read(item, _signal), item, own, source)

    results = await publish_list(gateway, validate_items(items(raw), receive))
    return batch_response(results, lambda event: {"event_id": event.id})

"""The way in for leads and signals over HTTP: decode, decide, publish, and only then 202."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.leads import Received, receive_lead
from services.gateway.domain.signals import receive_signal
from services.gateway.handlers.bodies import decoded, is_list, items, json_bytes
from services.gateway.handlers.exchange import PROBLEM_HEADERS, Answer, Call, json_answer
from shared.errors import Reject
from shared.lead.events.envelope import Event, encode
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.observability.traceparent import is_traceparent
from shared.web.problem import TYPE_PREFIX, Problem, document

Item = TypeVar("Item")
T = TypeVar("T")

_IDEMPOTENCY_KEY_LENGTH_MAX = 200
_lead = msgspec.json.Decoder(LeadReceivedV1)
_signal = msgspec.json.Decoder(SignalReceivedV1)


class AcceptedLead(Struct, frozen=True):
    """The lead is in the stream, durably. `lead_id` is provisional: should it be merged, it is an alias."""

    lead_id: str
    event_id: str
    status_url: str


class AcceptedSignal(Struct, frozen=True):
    """The signal is in the stream, durably."""

    event_id: str


class LeadResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list: accepted, or a problem."""

    index: int
    lead_id: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    status_url: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class SignalResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list: accepted, or a problem."""

    index: int
    event_id: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class NoneAccepted(Struct, frozen=True):
    """A problem document (RFC 9457) that has the problem of each item as well."""

    type: str
    title: str
    status: int
    detail: str
    results: list[Any]


class LeadResults(Struct, frozen=True):
    """What became of each item of a list, in its order."""

    results: list[LeadResult]


class SignalResults(Struct, frozen=True):
    """What became of each item of a list, in its order."""

    results: list[SignalResult]


class Results(Protocol):
    """What became of each item of a list."""

    @property
    def results(self) -> Sequence[Struct]: ...


async def post_leads(call: Call) -> Answer:
    """Take one lead or a list of leads."""
    raw = await json_bytes(call)
    with traced(call, "POST /v1/leads") as traceparent:
        if is_list(raw):
            return await _lead_list(call, raw, traceparent)
        body = decoded(raw, _lead)
        return await accept_lead(call, receive_lead(body, raw, arrival(call, traceparent)))


async def accept_lead(call: Call, received: Received) -> Answer:
    """Publish a lead and answer 202."""
    await call.gateway.publisher.publish((encode(received.event),))
    return json_answer(202, accepted(received))


def accepted(received: Received) -> AcceptedLead:
    """Return what the client is told about a lead in the stream."""
    return AcceptedLead(received.lead_id, received.event.id, status_url(received.lead_id))


def status_url(lead_id: str) -> str:
    """Return where a lead is to be looked up, relative to this server."""
    return f"/v1/leads/{lead_id}"


async def post_signals(call: Call) -> Answer:
    """Take one signal or a list of signals."""
    return await accept_signals(call, await json_bytes(call), "POST /v1/signals")


async def accept_signals(call: Call, raw: bytes, name: str) -> Answer:
    """Publish a signal, or those of a list, and answer 202. `name` is that of the request's span."""
    with traced(call, name) as traceparent:
        if is_list(raw):
            return await _signal_list(call, raw, traceparent)
        event = receive_signal(decoded(raw, _signal), raw, arrival(call, traceparent))
        await call.gateway.publisher.publish((encode(event),))
        return json_answer(202, AcceptedSignal(event.id))


def traced(call: Call, name: str) -> Any:
    """Open a span for the request, in the client's trace if it has one; gives the traceparent to send on."""
    tracing = call.gateway.tracing
    given = call.header(b"traceparent")
    if not given or not is_traceparent(given):
        given = tracing.begin(call.gateway.random)
    return tracing.span(name, given)


def arrival(call: Call, traceparent: str, index: int = 0) -> Arrival:
    """Return what is known of one item besides its body. Raises `Reject` (422) for a bad idempotency key."""
    key = call.headers.get(b"idempotency-key")
    return Arrival(
        at=call.gateway.clock.now(),
        random=call.gateway.random,
        traceparent=traceparent,
        idempotency_key=_idempotency_key(key) if key is not None else "",
        index=index,
    )


def _idempotency_key(header: bytes) -> str:
    if not header or len(header) > _IDEMPOTENCY_KEY_LENGTH_MAX:
        detail = f"Between 1 and {_IDEMPOTENCY_KEY_LENGTH_MAX} characters are allowed"
        raise Reject(422, "invalid-idempotency-key", "The Idempotency-Key is not valid", detail)
    return header.decode("latin-1")


async def _lead_list(call: Call, raw: bytes, traceparent: str) -> Answer:
    def receive(item: bytes, index: int) -> Received:
        return receive_lead(decoded(item, _lead), item, arrival(call, traceparent, index))

    tried = each(items(raw), receive)
    await publish_all(call, [one.event for one in tried if isinstance(one, Received)])
    results = [_lead_result(index, one) for index, one in enumerate(tried)]
    return told_each(tried, LeadResults(results))


async def _signal_list(call: Call, raw: bytes, traceparent: str) -> Answer:
    def receive(item: bytes, index: int) -> Event[SignalReceivedV1]:
        return receive_signal(decoded(item, _signal), item, arrival(call, traceparent, index))

    tried = each(items(raw), receive)
    await publish_all(call, [one for one in tried if isinstance(one, Event)])
    results = [
        SignalResult(index, problem=document(one))
        if isinstance(one, Reject)
        else SignalResult(index, event_id=one.id)
        for index, one in enumerate(tried)
    ]
    return told_each(tried, SignalResults(results))


def each(items: Sequence[Item], receive: Callable[[Item, int], T]) -> list[T | Reject]:
    """Decide on each item by itself."""
    tried: list[T | Reject] = []
    for index, item in enumerate(items):
        try:
            tried.append(receive(item, index))
        except Reject as reject:
            tried.append(reject)
    return tried


async def publish_all(call: Call, events: Sequence[Event[Any]]) -> None:
    """Return when the events are durable."""
    if events:
        await call.gateway.publisher.publish([encode(event) for event in events])


def told_each(tried: Sequence[object], told: Results) -> Answer:
    """Return the answer to a list: 202, or 422 when no item was accepted."""
    if not all(isinstance(one, Reject) for one in tried):
        return json_answer(202, told)
    kind = TYPE_PREFIX + "none-accepted"
    title, detail = "No item of the list was accepted", "Each of the results has a problem of its own"
    problem = NoneAccepted(kind, title, 422, detail, [*told.results])
    return json_answer(422, problem, PROBLEM_HEADERS)


def _lead_result(index: int, one: Received | Reject) -> LeadResult:
    if isinstance(one, Reject):
        return LeadResult(index, problem=document(one))
    told = accepted(one)
    return LeadResult(index, told.lead_id, told.event_id, told.status_url)

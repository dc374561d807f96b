"""Answers calls of the vendors: as the vendor would, or as the faults in force have it; records each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.provider_stubs import golden
from services.provider_stubs.calls import Call, Calls
from services.provider_stubs.faults import Fault, Faults
from services.provider_stubs.vendors.apollo import APOLLO
from services.provider_stubs.vendors.clearbit import CLEARBIT
from services.provider_stubs.vendors.hunter import HUNTER
from services.provider_stubs.vendors.peopledatalabs import PEOPLEDATALABS
from services.provider_stubs.vendors.vendor import Endpoint, Question, Reply, Vendor
from services.provider_stubs.vendors.zerobounce import ZEROBOUNCE
from services.provider_stubs.world import World
from shared.clock import Clock
from shared.errors import Reject

VENDORS: Final[tuple[Vendor, ...]] = (PEOPLEDATALABS, APOLLO, CLEARBIT, HUNTER, ZEROBOUNCE)
HANG_S_MAX: Final = 30
QUESTION_BYTES_MAX: Final = 8 * 1024
_ANSWERS_KEPT_MAX: Final = 4_096
_ASKED_KEPT_MAX: Final = 10_000
_SUBJECT_LENGTH_MAX: Final = 254
_MALFORMED: Final = b'{"name": "Half an ans'

Handle = Callable[[Request], Awaitable[Response]]


class Asked(Struct, frozen=True):
    """A call as it came; what a vendor answers depends on nothing else."""

    query: bytes
    body: bytes
    key_in_headers: bool
    today: date


class Answer(Struct, frozen=True):
    """What goes out and what is recorded of it."""

    status: int
    body: bytes
    billed: int = 0
    matched: bool = False


class Prepared(Struct, frozen=True):
    """The answer to a call, and what whoever is the first to ask gets, if that is another one."""

    subject: str
    answer: Answer
    first: Answer | None
    outage: golden.Outage | None


class Stubs(Struct, frozen=True):
    """What the vendors share: one world, one record of calls, the faults, the time, and when it is over."""

    world: World
    faults: Faults
    calls: Calls
    clock: Clock
    ending: asyncio.Event


def vendor_routes(stubs: Stubs) -> Iterator[Route]:
    """Yield the vendors' own paths, each vendor's under its name."""
    for vendor in VENDORS:
        for endpoint in vendor.endpoints:
            handle = _handle(vendor, endpoint, stubs)
            yield Route(f"/{vendor.name}{endpoint.path}", handle, methods=list(endpoint.methods))


async def bounded_body(request: Request) -> bytes:
    """Return the body. Raises `Reject` when it is longer than a question may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > QUESTION_BYTES_MAX:
            raise Reject(413, "too-large", "The body is too large")
    return bytes(body)


def _handle(vendor: Vendor, endpoint: Endpoint, stubs: Stubs) -> Handle:
    @lru_cache(maxsize=_ANSWERS_KEPT_MAX)
    def prepare(asked: Asked) -> Prepared:
        return _prepare(stubs.world, vendor, endpoint, asked)

    asked_before: set[str] = set()

    async def handle(request: Request) -> Response:
        prepared = prepare(await _asked(request, vendor, stubs.clock.now().date()))
        fault = _fault_of(vendor, prepared, stubs.faults)
        answer = prepared.answer
        if fault.breaks:
            answer = _broken(vendor, fault)
        elif prepared.first and prepared.subject not in asked_before:
            answer = prepared.first
            _remember(asked_before, prepared.subject)
        status = None if fault.hang else answer.status
        asked_at, of = stubs.clock.now(), prepared.subject
        stubs.calls.add(Call(vendor.name, endpoint.path, of, asked_at, status, answer.matched, answer.billed))
        if fault.hang or fault.latency_ms:
            await _pause(HANG_S_MAX if fault.hang else fault.latency_ms / 1000, stubs.ending)
        headers = {"retry-after": "1"} if answer.status in {429, vendor.limit_status} else None
        return Response(answer.body, answer.status, headers, "application/json")

    return handle


async def _asked(request: Request, vendor: Vendor, today: date) -> Asked:
    query: bytes = request.scope["query_string"]
    if len(query) > QUESTION_BYTES_MAX:
        raise Reject(414, "too-long", "The query is too long")
    body = await bounded_body(request) if request.method == "POST" else b""
    return Asked(query, body, any(name in request.headers for name in vendor.key_headers), today)


def _prepare(world: World, vendor: Vendor, endpoint: Endpoint, asked: Asked) -> Prepared:
    params = _params(asked)
    if params is None:
        return Prepared("", _answer(vendor.problem(400)), None, None)
    question = Question(params, asked.today)
    subject = endpoint.subject(question)[:_SUBJECT_LENGTH_MAX]
    outage = golden.outage(vendor.name, subject)
    if not (asked.key_in_headers or any(name in params for name in vendor.key_params)):
        return Prepared(subject, _answer(vendor.problem(401)), None, outage)
    reply = endpoint.answer(world, question)
    return Prepared(subject, _answer(reply), _answer(reply.first) if reply.first else None, outage)


def _params(asked: Asked) -> dict[str, str] | None:
    """Return the parameters of query and body; `None` when the body is not an object of JSON."""
    params = dict(parse_qsl(asked.query.decode("latin-1"), keep_blank_values=True))
    if not asked.body:
        return params
    try:
        body = msgspec.json.decode(asked.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return params | {name: value for name, value in body.items() if isinstance(value, str)}


def _answer(reply: Reply) -> Answer:
    return Answer(reply.status, msgspec.json.encode(reply.body), reply.billed, reply.matched)


def _fault_of(vendor: Vendor, prepared: Prepared, faults: Faults) -> Fault:
    """Return what goes wrong with this call: the outage of what it asks about goes before all else."""
    if prepared.outage:
        return Fault(hang=True) if prepared.outage == "hang" else Fault(status=500)
    fault = faults.of_next_call(vendor.name)
    if faults.is_too_fast(vendor.name, asyncio.get_running_loop().time()):
        return Fault(status=vendor.limit_status)
    return fault


def _broken(vendor: Vendor, fault: Fault) -> Answer:
    if fault.malformed:
        return Answer(fault.status or 200, _MALFORMED)
    status = fault.status or 504
    return Answer(status, msgspec.json.encode(vendor.problem(status).body))


async def _pause(seconds: float, ending: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ending.wait()


def _remember(asked_before: set[str], subject: str) -> None:
    if len(asked_before) >= _ASKED_KEPT_MAX:
        asked_before.clear()
    asked_before.add(subject)

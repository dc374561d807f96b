"""The stub providers over HTTP, with the truth about their world, faults on demand and a record of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.provider_stubs import world
from services.provider_stubs.calls import Call, Calls
from services.provider_stubs.faults import Fault, Faults
from services.provider_stubs.vendors.clearbit import CLEARBIT
from services.provider_stubs.vendors.vendor import Endpoint, Vendor
from shared.clock import Clock
from shared.errors import FieldProblem, Reject
from shared.http.problem import from_msgspec, from_reject

VENDORS: Final[tuple[Vendor, ...]] = (CLEARBIT,)
HANG_S_MAX: Final = 600
LISTED: Final = 100
LISTED_MAX: Final = 10_000
_BODY_BYTES_MAX: Final = 64 * 1024

Handle = Callable[[Request], Awaitable[Response]]


def create_app(clock: Clock) -> Starlette:
    """Return the stubs as an ASGI application; each has faults and calls of its own."""
    faults, calls = Faults(), Calls()
    routes = [*_vendor_routes(faults, calls, clock), *_fault_routes(faults), *_world_routes()]

    async def report(_request: Request) -> Response:
        return _json(calls.report())

    return Starlette(routes=[*routes, Route("/calls", report)], exception_handlers={Reject: _rejected})


def _vendor_routes(faults: Faults, calls: Calls, clock: Clock) -> Iterator[Route]:
    for vendor in VENDORS:
        for endpoint in vendor.endpoints:
            handle = _handle(vendor, endpoint, faults, calls, clock)
            yield Route(f"/{vendor.name}{endpoint.path}", handle)


def _handle(vendor: Vendor, endpoint: Endpoint, faults: Faults, calls: Calls, clock: Clock) -> Handle:
    async def handle(request: Request) -> Response:
        query = dict(request.query_params)
        fault = faults.of_next_call(vendor.name)
        reply = endpoint.answer(query)
        broken = fault.hang or fault.malformed or fault.status is not None
        status = None if fault.hang else fault.status or reply.status
        billed = 0 if broken else reply.billed
        calls.add(Call(vendor.name, endpoint.key_of(query), clock.now(), status, billed))
        await asyncio.sleep(HANG_S_MAX if fault.hang else fault.latency_ms / 1000)
        if fault.malformed:
            return Response(b'{"name": "Half an ans', fault.status or 200, media_type="application/json")
        if broken:
            return _json({"error": {"type": "fault", "message": "A fault was asked for."}}, status or 504)
        return _json(reply.body, reply.status)

    return handle


def _fault_routes(faults: Faults) -> Iterator[Route]:
    async def put(request: Request) -> Response:
        provider = request.path_params["provider"]
        if provider not in {vendor.name for vendor in VENDORS}:
            raise Reject(404, "not-found", "There is no such provider", provider[:100])
        fault = await _fault_in(request)
        faults.put(provider, fault)
        return _json(fault)

    async def delete(_request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    yield Route("/faults/{provider}", put, methods=["PUT"])
    yield Route("/faults", delete, methods=["DELETE"])


async def _fault_in(request: Request) -> Fault:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            raise Reject(413, "too-large", "The body is too large")
    try:
        return msgspec.json.decode(bytes(body), type=Fault)
    except msgspec.ValidationError as error:
        raise Reject(422, "invalid-body", "The body is not valid", errors=from_msgspec(error)) from error
    except msgspec.DecodeError as error:
        raise Reject(400, "not-json", "The body is not JSON", str(error)) from error


def _world_routes() -> Iterator[Route]:
    async def truth(request: Request) -> Response:
        company = world.find(request.path_params["domain"])
        if company is None:
            raise Reject(404, "not-found", "No company of this world has that domain")
        return _json(company)

    async def domains(request: Request) -> Response:
        return _json({"data": world.domains(_limit(request)), "next": None})

    yield Route("/world/{domain}", truth)
    yield Route("/world", domains)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(LISTED))
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Reject(
            422,
            "invalid-query",
            "The query is not valid",
            errors=(FieldProblem("/limit", "This is not a number of domains"),),
        )
    return min(int(text), LISTED_MAX)


async def _rejected(request: Request, error: Exception) -> Response:
    assert isinstance(error, Reject)  # noqa: S101 - Starlette hands over what the handler is registered for
    status, headers, body = from_reject(error, request.url.path)
    return Response(body, status, dict(headers))


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")

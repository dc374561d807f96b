"""The stub providers over HTTP, with the truth about their world, faults on demand and a record of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.provider_stubs import golden
from services.provider_stubs.answering import VENDORS, Stubs, bounded_body, vendor_routes
from services.provider_stubs.calls import KEPT_MAX, Calls
from services.provider_stubs.faults import Fault, Faults
from services.provider_stubs.world import SEED, World, generate, truth
from shared.clock import Clock
from shared.errors import FieldProblem, Reject
from shared.web.problem import from_msgspec, from_reject

LISTED: Final = 100
LISTED_MAX: Final = 10_000


def create_app(clock: Clock, ending: asyncio.Event, *, seed: int = SEED) -> Starlette:
    """Return the stubs as an ASGI application; each has faults and calls of its own.

    Calls that wait on purpose wait until `ending` at most.
    """
    stubs = Stubs(generate(seed, golden.COMPANIES), Faults(), Calls(), clock, ending)
    routes = [
        *vendor_routes(stubs),
        *_fault_routes(stubs.faults),
        *_world_routes(stubs.world, clock),
        *_call_routes(stubs.calls),
    ]
    return Starlette(routes=routes, exception_handlers={Reject: _rejected})


def _fault_routes(faults: Faults) -> Iterator[Route]:
    async def put(request: Request) -> Response:
        provider = request.path_params["provider"]
        if provider not in {vendor.name for vendor in VENDORS}:
            raise Reject(404, "not-found", "There is no such provider", provider[:100])
        fault = _fault_in(await bounded_body(request))
        faults.put(provider, fault)
        return _json(fault)

    async def delete(_request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    yield Route("/faults/{provider}", put, methods=["PUT"])
    yield Route("/faults", delete, methods=["DELETE"])


def _fault_in(body: bytes) -> Fault:
    try:
        return msgspec.json.decode(body, type=Fault)
    except msgspec.ValidationError as error:
        raise Reject(422, "invalid-body", "The body is not valid", errors=from_msgspec(error)) from error
    except msgspec.DecodeError as error:
        raise Reject(400, "not-json", "The body is not JSON", str(error)) from error


def _world_routes(world: World, clock: Clock) -> Iterator[Route]:
    async def one(request: Request) -> Response:
        company = world.find(request.path_params["domain"])
        if company is None:
            raise Reject(404, "not-found", "No company of this world has that domain")
        return _json(truth(company, clock.now().date()))

    async def domains(request: Request) -> Response:
        return _json({"data": world.domains(_limit(request, LISTED, LISTED_MAX)), "next": None})

    yield Route("/world/{domain}", one)
    yield Route("/world", domains)


def _call_routes(calls: Calls) -> Iterator[Route]:
    async def report(request: Request) -> Response:
        return _json(calls.report(_limit(request, KEPT_MAX, KEPT_MAX)))

    yield Route("/calls", report)


def _limit(request: Request, default: int, most: int) -> int:
    text = request.query_params.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise Reject(
            422,
            "invalid-query",
            "The query is not valid",
            errors=(FieldProblem("/limit", "This is no number"),),
        )
    return min(int(text), most)


async def _rejected(request: Request, error: Exception) -> Response:
    assert isinstance(error, Reject)  # noqa: S101 - Starlette hands over what the handler is registered for
    status, headers, body = from_reject(error, request.url.path)
    return Response(body, status, dict(headers))


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")

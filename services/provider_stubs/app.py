"""The stub providers as a FastAPI application: vendors, the truth about their world, faults, the call log."""

import asyncio
from collections.abc import Collection
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.routing import Route

from services.provider_stubs import golden
from services.provider_stubs.call_log import CALLS_KEPT_MAX, CallLog, CallReport
from services.provider_stubs.faults import FaultRegistry, ProviderFault
from services.provider_stubs.folders import VendorFolders
from services.provider_stubs.request_body import bounded_body
from services.provider_stubs.vendor_calls import StubState, VendorCalls
from services.provider_stubs.world import SEED, generate, truth
from shared.clock import Clock
from shared.errors import Reject
from shared.integrations.catalog import Integrations
from shared.web.problem import field_problems, from_reject

DOMAINS_DEFAULT: Final = 100
DOMAINS_MAX: Final = 10_000


class DomainPage(BaseModel):
    """Domains of the world, those of the demo first."""

    data: list[str]
    next: None = None


def create_app(
    clock: Clock, stopping: asyncio.Event, integrations: Integrations, *, seed: int = SEED
) -> FastAPI:
    """Return the application; each one has faults and a call log of its own.

    It plays every vendor of `integrations.providers`, under the vendor's name. Calls that wait on purpose end
    when `stopping` is set.
    """
    world = generate(seed, golden.COMPANIES)
    state = StubState(world, FaultRegistry(), CallLog(), clock, stopping)
    vendors = VendorFolders(world, integrations)
    app = FastAPI(title="Baton's provider stubs", docs_url=None, redoc_url=None)
    app.include_router(fault_router(state, vendors.names))
    app.include_router(world_router(state))
    app.include_router(call_router(state))
    app.router.routes.append(vendor_route(state, vendors))
    app.add_exception_handler(Reject, _problem_response)
    app.add_exception_handler(RequestValidationError, _invalid_query)
    return app


async def read_fault(request: Request) -> ProviderFault:
    """Return the fault in the body. Its content type is not looked at, so that `curl -d` is enough."""
    body = await bounded_body(request)
    try:
        return ProviderFault.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        if faults[0]["type"] == "json_invalid":
            raise Reject(400, "not-json", "The body is not JSON", faults[0]["msg"]) from error
        located = [{**fault, "loc": ("body", *fault["loc"])} for fault in faults]
        problems = field_problems(located, dict.fromkeys(name for fault in faults for name in fault["loc"]))
        raise Reject(422, "invalid-body", "The body is not valid", errors=problems) from error


def vendor_route(state: StubState, vendors: VendorFolders) -> Route:
    """Return the route of the vendors' own paths, each under the name of the vendor.

    A look-up makes several calls, so they pass FastAPI's dependencies by. It is to be the last route.
    """
    calls: dict[str, VendorCalls] = {}

    async def answer(request: Request) -> Response:
        """Answer as the vendor does: as in its examples, or from the world by its `stub.yaml`."""
        vendor = request.path_params["vendor"]
        if vendor not in calls:
            stub = vendors.stub(vendor)
            if stub is None:
                raise Reject(404, "not-found", "There is no such provider", vendor[:100])
            calls[vendor] = VendorCalls(stub, state)
        return await calls[vendor].handle(request, f"/{request.path_params['path']}")

    return Route("/{vendor}/{path:path}", answer, methods=["GET", "POST"], include_in_schema=False)


def fault_router(state: StubState, vendors: Collection[str]) -> APIRouter:
    """Return the routes that make a vendor fail, and let it work again."""
    router = APIRouter(prefix="/faults", tags=["faults"])
    request_body = {"content": {"application/json": {"schema": ProviderFault.model_json_schema()}}}

    @router.put("/{provider}", openapi_extra={"requestBody": request_body})
    async def put_fault(provider: str, fault: Annotated[ProviderFault, Depends(read_fault)]) -> ProviderFault:
        """Replace the fault of a vendor."""
        if provider not in vendors:
            raise Reject(404, "not-found", "There is no such provider", provider[:100])
        state.faults.put(provider, fault)
        return fault

    @router.delete("", status_code=204)
    async def delete_faults() -> None:
        """End all faults."""
        state.faults.clear()

    return router


def world_router(state: StubState) -> APIRouter:
    """Return the routes that tell the truth about the world."""
    router = APIRouter(prefix="/world", tags=["world"])

    @router.get("/{domain}")
    async def read_company(domain: str) -> dict[str, Any]:
        """Return a company of the world with its people; 404 outside of the world."""
        company = state.world.find(domain)
        if company is None:
            raise Reject(404, "not-found", "No company of this world has that domain")
        return truth(company, state.clock.now().date())

    @router.get("")
    async def list_domains(limit: Annotated[int, Query(ge=0)] = DOMAINS_DEFAULT) -> DomainPage:
        """Return the first domains of the world."""
        return DomainPage(data=list(state.world.domains(min(limit, DOMAINS_MAX))))

    return router


def call_router(state: StubState) -> APIRouter:
    """Return the route of the call log."""
    router = APIRouter(prefix="/calls", tags=["calls"])

    @router.get("")
    async def read_calls(limit: Annotated[int, Query(ge=0)] = CALLS_KEPT_MAX) -> CallReport:
        """Return the latest calls, and the totals by vendor since the start."""
        return state.calls.report(limit)

    return router


async def _problem_response(request: Request, error: Exception) -> Response:
    status, headers, body = from_reject(cast("Reject", error), request.url.path)
    return Response(body, status, dict(headers))


async def _invalid_query(request: Request, error: Exception) -> Response:
    faults = cast("RequestValidationError", error).errors()
    problems = field_problems(faults, {fault["loc"][-1]: None for fault in faults})
    return await _problem_response(
        request, Reject(422, "invalid-query", "The query is not valid", errors=problems)
    )

"""The gateway as a FastAPI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from services.gateway.api import (
    account_matching,
    accounts,
    actions,
    api_keys,
    backtests,
    contracts,
    dead_letters,
    deliveries,
    explain,
    fairness_report,
    integrations,
    leads,
    me,
    operations,
    outcomes,
    people,
    policies,
    providers,
    queues,
    reports,
    reps,
    sources,
    subscriptions,
    team_reports,
    try_policy,
)
from services.gateway.domain.trust import RESERVED_FIELDS
from services.gateway.error_handlers import add_error_handlers
from services.gateway.intake import hooks, lane, provider_posts
from services.gateway.middleware import RequestMetrics, TelemetryMiddleware
from services.gateway.state import GatewayState
from shared.lead.identity import account_key
from shared.web.problem import Problem

ROUTERS = (
    lane.router,
    hooks.forms,
    hooks.signals,
    leads.router,
    explain.router,
    actions.router,
    outcomes.router,
    accounts.router,
    account_matching.router,
    queues.router,
    reps.router,
    subscriptions.router,
    deliveries.router,
    policies.router,
    try_policy.router,
    backtests.router,
    providers.router,
    providers.reports,
    reports.router,
    team_reports.router,
    fairness_report.router,
    provider_posts.router,
    sources.router,
    integrations.router,
    dead_letters.router,
    people.router,
    api_keys.router,
    me.router,
)


def create_app(state: GatewayState) -> FastAPI:
    """Return the application. The parts in `state` are opened and closed by the caller."""
    app = GatewayApp(
        title="Baton",
        version=version("baton"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=None,  # `contracts` serves it, and the documentation pages
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        lifespan=_lifespan,
    )
    app.state.gateway = state
    add_error_handlers(app)
    request_metrics = RequestMetrics(state.metrics)
    app.lane = lane.IntakeLane(state, request_metrics)
    app.add_middleware(TelemetryMiddleware, state=state, request_metrics=request_metrics)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(contracts.router)
    app.include_router(operations.router)
    app.mount("/docs-assets", contracts.documentation_assets())
    return app


class GatewayApp(FastAPI):
    """FastAPI with two additions: the intake lane, and what intake means in its OpenAPI document."""

    lane: lane.IntakeLane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: by the lane before any middleware, or as FastAPI does."""
        if scope["type"] == "http" and scope["path"] in lane.PATHS and scope["method"] == "POST":
            await self.lane(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, which is made when it is first asked for."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, problem = msgspec.json.schema_components([Problem], ref_template="#/components/schemas/{name}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(problem)
            for type_, reserved in RESERVED_FIELDS.items():
                for name in reserved:
                    schemas[type_]["properties"][name]["readOnly"] = True
        assert self.openapi_schema is not None  # noqa: S101 - made above
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    # The lists of domains take half a second to read: not at the first lead's expense.
    await asyncio.to_thread(account_key, "kestrel.example", None, "")
    yield


_WORDS: dict[int, Any] = str.maketrans("/.-", "___", "{}")


def _operation_id(route: APIRoute) -> str:
    """Return `get_v1_leads_id` for `GET /v1/leads/{id}`."""
    method = min(route.methods or {"get"}).lower()
    return f"{method}_{route.path_format.translate(_WORDS).strip('_') or 'index'}"

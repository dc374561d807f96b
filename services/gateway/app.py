"""The gateway as a FastAPI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from services.gateway.api import (
    account_lists,
    account_matching,
    accounts,
    actions,
    api_keys,
    audit,
    backtests,
    contracts,
    dead_letters,
    deliveries,
    event_stream,
    explain,
    fairness_report,
    flow_report,
    inbox,
    intake,
    integrations,
    leads,
    matching_deliveries,
    me,
    operations,
    outcomes,
    people,
    policies,
    policy_drafts,
    providers,
    queues,
    reports,
    reps,
    score_curve,
    search,
    sign_in_links,
    sources,
    status,
    subscriptions,
    summary_report,
    team_reports,
    try_policy,
)
from services.gateway.console.pages import CONSOLE_ROUTERS
from services.gateway.domain.trust import RESERVED_FIELDS
from services.gateway.error_handlers import add_error_handlers
from services.gateway.intake import hooks, provider_posts
from services.gateway.intake.lane import IntakeLane
from services.gateway.middleware import RequestMetrics, TelemetryMiddleware
from services.gateway.state import GatewayState
from shared.lead.identity import account_key
from shared.web.problem import Problem

ROUTERS = (
    intake.router,
    hooks.forms,
    hooks.signals,
    leads.csv_router,
    leads.router,
    search.router,
    score_curve.router,
    explain.router,
    actions.router,
    outcomes.router,
    account_lists.router,
    accounts.router,
    account_matching.router,
    queues.router,
    inbox.router,
    reps.router,
    subscriptions.router,
    matching_deliveries.router,  # before one delivery: `/count` is no id
    deliveries.router,
    policy_drafts.router,  # before the versions: `/draft` is none
    event_stream.router,
    policies.router,
    try_policy.router,
    backtests.router,
    providers.router,
    providers.reports,
    reports.router,
    team_reports.router,
    flow_report.router,
    summary_report.router,
    fairness_report.router,
    provider_posts.router,
    sources.router,
    integrations.router,
    dead_letters.router,
    people.router,
    api_keys.router,
    audit.router,
    status.router,
    sign_in_links.router,
    me.router,
)


def create_app(state: GatewayState) -> FastAPI:
    """Return the application. The parts in `state` are opened and closed by the caller."""
    request_metrics = RequestMetrics(state.metrics)
    app = GatewayApp(
        state,
        request_metrics,
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
    app.add_middleware(TelemetryMiddleware, state=state, request_metrics=request_metrics)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(contracts.router)
    app.include_router(operations.router)
    for router in CONSOLE_ROUTERS:
        app.include_router(router)
    app.mount("/docs-assets", contracts.documentation_assets())
    return app


class GatewayApp(FastAPI):
    """FastAPI behind the lane of intake, with an OpenAPI document that says what is only set by Baton."""

    def __init__(self, state: GatewayState, request_metrics: RequestMetrics, **options: Any) -> None:
        super().__init__(**options)
        self._lane: Final = IntakeLane(super().__call__, state=state, request_metrics=request_metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. The lane is no middleware of FastAPI, since FastAPI puts its own before it."""
        scope["app"] = self
        await self._lane(scope, receive, send)

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

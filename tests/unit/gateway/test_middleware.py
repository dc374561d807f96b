"""Telemetry of requests: what is counted under which labels, and which trace a request belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from starlette.requests import ClientDisconnect

from services.gateway.bootstrap import build
from services.gateway.middleware import RequestMetrics, TelemetryMiddleware
from services.gateway.state import GatewayState
from shared.clock import SystemClock
from shared.observability.traceparent import is_sampled, is_traceparent
from shared.settings import GatewaySettings, load
from tests.support.gateway import gateway_resources
from tests.unit.gateway.recording import RecordingSink

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
SECRET_PATH = "/hooks/forms/website/a-secret-token"


class Route:
    """What the framework leaves in the scope of a request that it found a route for."""

    path_format = "/hooks/forms/{source}/{token}"
    path = path_format


class App:
    """An application that answers with one status, or fails; it keeps the scope that it was given."""

    def __init__(self, status: int, *, route: Any = None, fails_with: Exception | None = None) -> None:
        self.status = status
        self.route = route
        self.fails_with = fails_with
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope, receive, send) -> None:
        self.scope = scope
        if self.route is not None:
            scope["route"] = self.route
        if self.fails_with is not None:
            raise self.fails_with
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def state(tmp_path: Path) -> GatewayState:
    environ = {
        "BATON_DATA_DIR": str(tmp_path),
        "BATON_ADMIN_KEY": "the administrator's key of a test gateway",
        "BATON_SECRET_KEY": "the secret key",
    }
    settings = load(GatewaySettings, environ)
    return build(gateway_resources(settings, SystemClock()), RecordingSink(), settings)


async def request(
    state: GatewayState, app: App, method: str = "POST", **headers: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Send a request through the middleware; return the scope of its route and the messages of its answer."""
    answered: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        answered.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": SECRET_PATH,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    middleware = TelemetryMiddleware(app, state=state, request_metrics=RequestMetrics(state.metrics))
    await middleware(scope, receive, send)
    return app.scope, answered


def counted(state: GatewayState) -> list[str]:
    """Return the label sets under which requests were counted."""
    lines = generate_latest(state.metrics.registry).decode().splitlines()
    return [line for line in lines if line.startswith("baton_http_requests_total{")]


async def test_a_request_is_counted_under_the_template_of_its_route(state: GatewayState):
    for _ in range(2):
        await request(state, App(202, route=Route()))
    assert counted(state) == [
        'baton_http_requests_total{method="POST",route="/hooks/forms/{source}/{token}",status="202"} 2.0'
    ]


async def test_a_path_without_a_route_is_counted_as_unknown_and_never_named(state: GatewayState):
    await request(state, App(404))
    assert counted(state) == ['baton_http_requests_total{method="POST",route="unknown",status="404"} 1.0']
    assert SECRET_PATH.encode() not in generate_latest(state.metrics.registry)


async def test_a_method_that_a_client_invented_makes_no_label(state: GatewayState):
    await request(state, App(405), "BREW")
    assert counted(state) == ['baton_http_requests_total{method="other",route="unknown",status="405"} 1.0']


async def test_head_is_routed_as_get(state: GatewayState):
    scope, _ = await request(state, App(200), "HEAD")
    assert scope["method"] == "GET"


async def test_a_client_that_went_away_is_not_counted(state: GatewayState):
    _, answered = await request(state, App(200, fails_with=ClientDisconnect()))
    assert (answered, counted(state)) == ([], [])


async def test_the_trace_of_the_client_goes_on(state: GatewayState):
    scope, _ = await request(state, App(200), traceparent=TRACEPARENT)
    assert scope["state"]["traceparent"] == TRACEPARENT


@pytest.mark.parametrize(
    "sent", ["", "x", TRACEPARENT.upper(), TRACEPARENT + "0", "00-" + "0" * 32 + "-b7ad6b7169203331-01"]
)
async def test_a_request_without_a_valid_trace_begins_one_that_is_not_sampled(state: GatewayState, sent: str):
    first, _ = await request(state, App(200), traceparent=sent)
    second, _ = await request(state, App(200), traceparent=sent)
    begun = [scope["state"]["traceparent"] for scope in (first, second)]
    assert all(map(is_traceparent, begun))
    assert not any(map(is_sampled, begun))
    assert begun[0] != begun[1]


async def test_what_is_no_http_request_passes_through(state: GatewayState):
    app = App(200)

    async def nothing(*_message: Any) -> Any:
        return None

    middleware = TelemetryMiddleware(app, state=state, request_metrics=RequestMetrics(state.metrics))
    await middleware({"type": "lifespan"}, nothing, nothing)
    assert app.scope["type"] == "lifespan"
    assert counted(state) == []

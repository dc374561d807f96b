"""Metrics and spans of every request, as pure ASGI middleware.

Both are named by the route's template, never by the path that was called: it may end in a source's token.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from opentelemetry.trace import get_current_span
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.state import GatewayState
from shared.observability.metrics import Metrics
from shared.observability.traceparent import is_traceparent, new_traceparent

UNKNOWN_ROUTE = "unknown"
_NO_STATUS = 500


class RequestMetrics:
    """Counts and times requests. Looking a labelled child up is dear, so each is looked up once."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counts: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._times: dict[tuple[str, str], Callable[[float], None]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Record one answered request."""
        count = self._counts.get((route, method, status))
        if count is None:
            child = self._metrics.http_requests.labels(route, method, str(status))
            count = self._counts[route, method, status] = child.inc
        count()
        observe = self._times.get((route, method))
        if observe is None:
            timed = self._metrics.http_request_seconds.labels(route, method)
            observe = self._times[route, method] = timed.observe
        observe(seconds)


class TelemetryMiddleware:
    """Measures each request, and opens a span for it in the client's trace or in a new one.

    An endpoint finds the traceparent to send on in `request.state.traceparent`. A HEAD request is routed as
    the GET that it stands for: FastAPI's routes have no HEAD; the server leaves the body out. What has no end
    finds in `request.state.is_head` that it is to send none.
    """

    def __init__(self, app: ASGIApp, *, state: GatewayState, request_metrics: RequestMetrics) -> None:
        self._app = app
        self._gateway = state
        self._metrics = request_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        method: str = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET", "state": {**scope.get("state", {}), "is_head": True}}
        status = _NO_STATUS

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with request_span(self._gateway, method, dict(scope["headers"])) as traceparent:
                scope.setdefault("state", {})["traceparent"] = traceparent
                await self._app(scope, receive, observed_send)
                route: str = getattr(scope.get("route"), "path_format", UNKNOWN_ROUTE)
                if self._gateway.tracing.on:
                    get_current_span().update_name(f"{method} {route}")
        except ClientDisconnect:
            return  # nobody is there to be answered
        # A method that the path does not have is the client's word: it makes no label.
        label = "other" if status == 405 else method
        self._metrics.observe(route, label, status, perf_counter() - began)


def request_span(gateway: GatewayState, name: str, headers: Mapping[bytes, bytes]) -> Any:
    """Open a span for a request, in the client's trace if it names one; gives the traceparent to send on."""
    given = headers.get(b"traceparent", b"").decode("latin-1")
    if not given or not is_traceparent(given):
        given = new_traceparent(gateway.random, sampled=gateway.tracing.on)
    return gateway.tracing.span(name, given)

"""Posts of leads, signals and forms, answered by plain ASGI before FastAPI's routing and dependencies.

Of what a durable 202 costs, the framework's part is larger than all else together (ADR 7 has the figures).
FastAPI documents these routes all the same (`api.intake`, `hooks.post_form`), and no rule exists twice: keys,
sources, bodies and problems are handled by the functions that the other endpoints use.
"""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final

import msgspec
from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.api_route import answering_bugs
from services.gateway.dependencies import find_principal, new_arrival, request_arrival, require_scope
from services.gateway.domain.arrival import Arrival
from services.gateway.error_handlers import internal_error, problem_response, rejection_of
from services.gateway.intake.hook_route import answer_post, cross_origin_send
from services.gateway.intake.hooks import form_source, post_form
from services.gateway.intake.leads import accept_leads
from services.gateway.intake.signals import accept_signals
from services.gateway.middleware import RequestMetrics, request_span
from services.gateway.request_body import ApiRequest, read_body, require_json
from services.gateway.state import GatewayState
from shared.errors import DataError, Reject, Retry

Accept = Callable[[GatewayState, bytes, Arrival], Awaitable[bytes | Response]]
Headers = Mapping[bytes, bytes]

_ACCEPT: Final[Mapping[str, Accept]] = {"/v1/leads": accept_leads, "/v1/signals": accept_signals}
_FORMS: Final = "/hooks/forms/"
_FORM_ROUTE: Final = "/hooks/forms/{source}"
_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


def lane_route(path: str) -> str | None:
    """Return the template of the route by which the lane answers a post, None if it does not.

    It answers `/v1/leads`, `/v1/signals`, and a form whose path has no token.
    """
    if path in _ACCEPT:
        return path
    name = path.removeprefix(_FORMS)
    return _FORM_ROUTE if name not in ("", path) and "/" not in name else None


class IntakeLane:
    """ASGI middleware that answers the posts of `lane_route`, and passes other requests on."""

    def __init__(self, app: ASGIApp, *, state: GatewayState, request_metrics: RequestMetrics) -> None:
        self._app = app
        self._gateway = state
        self._metrics = request_metrics
        self._call_post_form = answering_bugs(self._post_form, _FORM_ROUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        route = lane_route(scope["path"]) if is_post else None
        if route is None:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        headers: Headers = dict(scope["headers"])
        try:
            with request_span(self._gateway, f"POST {route}", headers) as traceparent:
                if route in _ACCEPT:
                    answer = await self._accept(route, headers, scope, receive, traceparent)
                else:
                    send = self._prepare_form(scope, send, traceparent)
                    answer = await answer_post(ApiRequest(scope, receive), self._call_post_form)
        except ClientDisconnect:
            return
        except (Reject, Retry, DataError) as error:
            answer = problem_response(rejection_of(error))
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, the client gets a problem
            answer = problem_response(internal_error(route, error))
        if isinstance(answer, bytes):
            status = 202
            length = (b"content-length", b"%d" % len(answer))
            start = {"status": 202, "headers": [(b"content-type", b"application/json"), length]}
            await send({"type": "http.response.start", **start})
            await send({"type": "http.response.body", "body": answer})
        else:
            status = answer.status_code
            await answer(scope, receive, send)
        self._metrics.observe(route, "POST", status, perf_counter() - began)

    async def _accept(
        self, path: str, headers: Headers, scope: Scope, receive: Receive, traceparent: str
    ) -> bytes | Response:
        """Return the body of a 202, or a whole response. Raises `Reject`, `Retry`, `DataError`."""
        gateway = self._gateway
        principal = await find_principal(gateway, headers.get(b"authorization", b""), scope)
        require_scope(principal, "intake")
        require_json(headers.get(b"content-type", b"").decode("latin-1"))
        raw = await read_body(headers, receive)
        key = headers.get(b"idempotency-key")
        arrival = new_arrival(
            gateway,
            traceparent,
            None if key is None else key.decode("latin-1"),
            scope=(principal.key_id, path),
            has_api_key=True,
        )
        return await _ACCEPT[path](gateway, raw, arrival)

    def _prepare_form(self, scope: Scope, send: Send, traceparent: str) -> Send:
        """Leave in the scope what the route would; return the `send` of its answer."""
        name = scope["path"].removeprefix(_FORMS)
        scope["path_params"] = {"source": name}
        source = self._gateway.sources.current.get(name)
        scope.setdefault("state", {}).update(traceparent=traceparent, source=source)
        return cross_origin_send(scope, send)

    async def _post_form(self, request: Request) -> Response:
        """Call the endpoint as FastAPI does. Raises `Reject`, `Retry`, `DataError`, `ClientDisconnect`."""
        gateway = self._gateway
        arrival = await request_arrival(request, gateway, request.headers.get("idempotency-key"))
        source = await form_source(request.path_params["source"], request, gateway)
        redirect = request.query_params.get("redirect")
        accepted = await post_form(request, gateway, arrival, source, redirect)
        if isinstance(accepted, Response):
            return accepted
        return Response(_encode(accepted), 202, media_type="application/json")

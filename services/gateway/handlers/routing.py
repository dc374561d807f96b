"""From a path and a method to a handler: keys, errors and metrics are seen to here, once for all.

One ASGI application per path, below Starlette's router and without middleware: the intake's share of a
request must stay small against the stream's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.routing import Route, Router
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from services.gateway.dependencies import find_principal, require_scope
from services.gateway.domain.access import Principal, Scope
from services.gateway.handlers import problems
from services.gateway.handlers.exchange import Answer, Call, RawHeaders
from services.gateway.handlers.gateway import Gateway
from shared.errors import DataError, Reject, Retry

Handler = Callable[[Call], Awaitable[Answer]]
ExtraHeaders = Callable[[Call], RawHeaders]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query string."""

    name: str
    meaning: str
    type: str = "string"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the API: how it is reached and served, and what its documentation says.

    `scope`: what the key must allow, None when no key is needed. `request` and `response` are the types of
    the bodies (several: one of them); `content_types` what the request may come as, `answers` what the
    answer is; with `items_max` the request may be a list of up to so many. `extra_headers` go on all answers.
    `others` are answers with another status, and their types; `detail` says what the summary does not.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    scope: Scope | None = None
    request: Any = None
    response: tuple[Any, ...] = ()
    status: int = 200
    query: tuple[Parameter, ...] = ()
    content_types: tuple[str, ...] = ("application/json",)
    answers: str = "application/json"
    items_max: int = 0
    idempotent_by_key: bool = False
    body_needed: bool = True
    extra_headers: ExtraHeaders | None = None
    others: tuple[tuple[int, Any], ...] = ()
    detail: str = ""


class Resource:
    """One path, as an ASGI application."""

    def __init__(self, gateway: Gateway, path: str, endpoints: Iterable[Endpoint]) -> None:
        self._gateway = gateway
        self._path = self.path_format = path
        self._by_method = {endpoint.method: endpoint for endpoint in endpoints}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]
        self._allowed = tuple(self._by_method)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        scope["route"] = self
        call = Call(self._gateway, scope, receive)
        method: str = scope["method"]
        endpoint = self._by_method.get(method)
        answer = await self._answer(endpoint, call)
        extra = endpoint.extra_headers(call) if endpoint and endpoint.extra_headers else ()
        await send_answer(send, answer, extra)

    async def _answer(self, endpoint: Endpoint | None, call: Call) -> Answer:
        try:
            if endpoint is None:
                return problems.rejected(problems.not_here(self._allowed))
            if endpoint.scope is not None:
                call.principal = await authorised(call, endpoint.scope)
            return await endpoint.handler(call)
        except Reject as reject:
            return problems.rejected(reject)
        except Retry as away:
            return problems.unavailable(away)
        except DataError as error:
            return problems.unusable(error)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, the client gets a problem
            return problems.broken(self._path, error)


async def authorised(call: Call, scope: Scope) -> Principal:
    """Return whom the request's key stands for. Raises `Reject` (401, 403) and `Retry`."""
    principal = await find_principal(call.gateway, call.headers.get(b"authorization", b""))
    require_scope(principal, scope)
    return principal


async def send_answer(send: Send, answer: Answer, extra: RawHeaders = ()) -> None:
    """Send an answer, with the length of its body."""
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [*answer.headers, *extra, length] if answer.status != 204 else [*answer.headers, *extra]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


class Application:
    """Every path: those without parts to read are looked up by themselves, Starlette matches the others."""

    def __init__(self, gateway: Gateway, endpoints: Iterable[Endpoint]) -> None:
        by_path: dict[str, list[Endpoint]] = {}
        for endpoint in endpoints:
            by_path.setdefault(endpoint.path, []).append(endpoint)
        resources = {path: Resource(gateway, path, group) for path, group in by_path.items()}
        self._plain = {path: resource for path, resource in resources.items() if "{" not in path}
        patterns = [Route(path, resource) for path, resource in resources.items() if "{" in path]
        self._router = Router(patterns, redirect_slashes=False, default=Resource(gateway, "unknown", ()))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        plain = self._plain.get(scope["path"]) if scope["type"] == "http" else None
        if plain is not None:
            await plain(scope, receive, send)
        elif scope["type"] == "http":
            await self._router(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._router.lifespan(scope, receive, send)

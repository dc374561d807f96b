"""The routes of sources: which pages may read their answers, and what a refused post leaves behind."""

import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.types import Message, Receive, Scope, Send

from services.gateway.api_route import ApiRoute
from services.gateway.domain.sources import HookSource
from services.gateway.error_handlers import rejection_of
from services.gateway.intake.form_answers import accepted_page, failure_response, is_navigation
from services.gateway.intake.post_limits import count_post, rate_limit_headers
from services.gateway.intake.rejected import record_rejected
from services.gateway.request_body import ApiRequest
from shared.errors import DataError, Reject, Retry

INTERNAL_ERROR: Final = Reject(500, "internal-error", "Internal server error")
_NO_SUCH_SOURCE: Final = 404

# Browsers fail a page whose post has a header that is not named here; no source reads any but these.
_REQUEST_HEADERS: Final = "content-type, idempotency-key, traceparent"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_HEADER_NAMES_LENGTH_MAX: Final = 4_096


class HookRoute(ApiRoute):
    """A route of a source, which is left in `request.state.source`, None when there is no such source.

    A post that is refused is counted and logged with its source and cause. What the source could not read is
    kept as a rejected submission, so that it can be replayed.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        sources = scope["app"].state.gateway.sources.current
        scope["state"]["source"] = sources.get(scope["path_params"]["source"])
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that answers a request, and records one that is refused."""
        handle = super().get_route_handler()

        async def answered(plain: Request) -> Response:
            return await answer_post(ApiRequest(plain.scope, plain.receive), handle)

        return answered


async def answer_post(
    request: ApiRequest, handle: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """Return the answer of `handle`, or that to a request which is refused, once that is recorded.

    Raises `Retry`, and what `handle` raises that says nothing of the request.
    """
    source: HookSource | None = request.state.source
    quotas = request.state.quotas = {}
    try:
        if source is not None and request.method == "POST":
            count_post(request, source)
        response = await handle(request)
        reject = INTERNAL_ERROR if response.status_code == INTERNAL_ERROR.status else None
    except (Reject, Retry, DataError, RequestValidationError) as error:
        reject = rejection_of(error)
    if reject is not None:
        if request.method == "POST" and source is not None and reject.status != _NO_SUCH_SOURCE:
            await record_rejected(request, source, reject)
        response = failure_response(request, source, reject)
    elif request.method == "POST" and response.status_code == 202 and is_navigation(request):
        response = accepted_page()
    response.headers.update(rate_limit_headers(quotas))
    return response


class CrossOriginRoute(HookRoute):
    """A route that a page of another origin may call, as far as its source allows.

    The headers go on every answer, so that a page's script can read the problems too.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await super().handle(scope, receive, cross_origin_send(scope, send))


def cross_origin_send(scope: Scope, send: Send) -> Send:
    """Return a `send` whose answers a page may read, as far as the source in the scope's state allows."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            allowed = _cross_origin_headers(scope["state"]["source"], dict(scope["headers"]))
            message["headers"] = [*message.get("headers", ()), *allowed]
        await send(message)

    return send_with_headers


def _cross_origin_headers(
    source: HookSource | None, request_headers: dict[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """Return the headers that let a page read the answer, if its origin is one of the source's.

    Everybody may read the 404 of a source that does not exist: the page's author has to see it.
    """
    readable = (b"access-control-expose-headers", b"retry-after, ratelimit, ratelimit-policy")
    if source is None:
        return [(b"access-control-allow-origin", b"*"), readable]
    origin = request_headers.get(b"origin", b"")
    headers = [(b"vary", b"origin"), readable]
    if "*" in source.origins:
        headers.append((b"access-control-allow-origin", b"*"))
    elif origin.decode("latin-1") in source.origins:
        headers.append((b"access-control-allow-origin", origin))
    return headers


def preflight_headers(requested: str) -> dict[str, str]:
    """Return the answer to a preflight request: whatever headers the browser asks for are allowed.

    Tracing and consent tools add headers of their own to each request of a page, and an intake that names the
    ones it knows breaks such pages. A list that is no list of header names is left out.
    """
    names = _REQUEST_HEADERS
    if len(requested) <= _HEADER_NAMES_LENGTH_MAX and _HEADER_NAMES.fullmatch(requested.strip()):
        names += f", {requested.strip()}"
    return {
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": names,
        "access-control-max-age": "86400",
    }

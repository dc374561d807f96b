"""`ConsoleRoute`: what holds for each route of the console, before and after its function.

Before: the session is checked and its principal becomes that of the request, so that the scope dependencies
of the API (`Reader`, `Manager` ...) hold here too; an unsafe method needs the page's origin and the CSRF
token. After: security headers, a renewed cookie, and an error as a page, or for htmx as a short text.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from msgspec import structs
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.gateway.console.cookies import set_cookie
from services.gateway.console.forms import read_form
from services.gateway.console.rendering import is_fragment_request, render
from services.gateway.console.session import KEY_HASH_LENGTH, Session
from services.gateway.console.views.error import ErrorView
from services.gateway.dependencies import require_member
from services.gateway.domain.access import KnownKey
from services.gateway.error_handlers import internal_error, rejection_of
from services.gateway.state import GatewayState
from shared.errors import DataError, Reject, Retry

_SAFE: Final = frozenset({"GET", "HEAD"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SignedOut(Exception):
    """The request has no session, or one that has ended."""


class PublicConsoleRoute(APIRoute):
    """A route of the console that anybody may call: sign-in and assets."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that checks a request, then has FastAPI call the function."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            request.state.session = None
            try:
                await self._check(request)
                response = await handle(request)
            except SignedOut:
                response = _to_sign_in(request)
            except (Reject, Retry, DataError, RequestValidationError) as error:
                response = _error_page(request, rejection_of(error))
            except (HTTPException, ClientDisconnect):
                raise
            except Exception as error:  # noqa: BLE001 - the last line: whatever it is, a person gets a page
                response = _error_page(request, internal_error(self.path_format, error))
            _renew_cookie(request, response)
            return with_security_headers(response)

        return answered

    async def _check(self, request: Request) -> None:
        if request.method not in _SAFE:
            _require_same_origin(request)


class ConsoleRoute(PublicConsoleRoute):
    """A route of the console for people who are signed in."""

    async def _check(self, request: Request) -> None:
        await super()._check(request)
        gateway: GatewayState = request.app.state.gateway
        session = await find_session(gateway, request)
        if session is None:
            raise SignedOut
        request.state.session = session
        if request.method not in _SAFE:
            given = request.headers.get("x-csrf") or (await read_form(request)).text("csrf")
            if not hmac.compare_digest(given.encode(), gateway.sessions.csrf_token(session).encode()):
                raise Reject(
                    403, "forbidden", "This page is out of date", "Load it again, then repeat what you did"
                )


async def find_session(gateway: GatewayState, request: Request) -> Session | None:
    """Return the session of a request whose key is live; `request.state.principal` is then its principal.

    Raises `Reject` (403) for the key of a rep who has left the team, `Retry`.
    """
    await gateway.policies.start()
    session = gateway.sessions.decode(request.cookies.get(gateway.sessions.cookie, ""))
    if session is None or session.ended(gateway.clock.now()):
        return None
    key: KnownKey | None = None
    if session.person is None:
        key = await gateway.keys.by_id(session.key_id)
    elif gateway.oidc is not None:
        key = gateway.oidc.known_person(session.key_id, session.person)
    if key is None or not hmac.compare_digest(key.hash[:KEY_HASH_LENGTH], session.key_hash):
        return None
    await require_member(gateway, key.principal)
    request.state.principal = key.principal
    return session


def with_security_headers(response: Response) -> Response:
    """Return a response with the headers that each answer of the console has."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("cache-control", "no-store")
    return response


def _renew_cookie(request: Request, response: Response) -> None:
    """Say anew in the cookie when it was used, once in a while, unless the response has a cookie itself."""
    gateway: GatewayState = request.app.state.gateway
    session: Session | None = request.state.session
    now = gateway.clock.now()
    if session is not None and session.to_renew(now) and "set-cookie" not in response.headers:
        set_cookie(gateway.sessions, response, structs.replace(session, seen_at=now))


def _require_same_origin(request: Request) -> None:
    """Raise `Reject` (403) unless the request comes from a page of this server."""
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin = urlsplit(request.headers.get("origin", ""))
        same = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    else:
        same = site == "same-origin"
    if not same:
        raise Reject(403, "forbidden", "The request does not come from a page of Baton")


def _to_sign_in(request: Request) -> Response:
    if is_fragment_request(request):
        return Response(status_code=401, headers={"hx-redirect": "/sign-in"})
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/sign-in" if path == "/" else "/sign-in?" + urlencode({"next": path})
    return Response(status_code=303, headers={"location": target})


def _error_page(request: Request, reject: Reject) -> Response:
    if is_fragment_request(request):
        detail = f"{reject.title}: {reject.detail}" if reject.detail else reject.title
        return Response(detail, reject.status, dict(reject.headers), media_type="text/plain")
    view = ErrorView(status=reject.status, title=reject.title, detail=reject.detail or "")
    return render(request, "error.html", view, status=reject.status, headers=dict(reject.headers))

"""Signing in with an API key, a one-time link or an OpenID Connect provider, and signing out."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from services.gateway.console.cookies import remove_attempt, remove_cookie, set_attempt, set_cookie
from services.gateway.console.forms import Form
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute, PublicConsoleRoute
from services.gateway.console.session import KEY_HASH_LENGTH, NONCE_BYTES, Session, SignedInPerson
from services.gateway.console.sign_in_attempt import SignInAttempt
from services.gateway.console.views.sign_in import LinkView, SignInView
from services.gateway.dependencies import Audit, Gateway, find_principal, require_member, trail_of
from services.gateway.domain.access import KnownKey, key_hash
from services.gateway.sign_in_links import redeem_link
from services.gateway.state import GatewayState
from shared.errors import Reject

router = APIRouter(route_class=PublicConsoleRoute, include_in_schema=False)
signed_in = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_NEXT_LENGTH_MAX: Final = 2_000
_CODE_LENGTH_MAX: Final = 4_000

NextPath = Annotated[str, Query(alias="next", max_length=_NEXT_LENGTH_MAX)]
Word = Annotated[str, Query(max_length=_CODE_LENGTH_MAX)]


@router.get("/sign-in")
async def show_sign_in(request: Request, gateway: Gateway, next_path: NextPath = "/") -> Response:
    return _page(request, gateway, next_path)


@router.post("/sign-in")
async def sign_in(request: Request, gateway: Gateway, form: Form) -> Response:
    """Check the key and set the cookie. A wrong one shows the page again, with what is wrong."""
    key, next_path = form.text("key"), form.text("next")
    try:
        principal = await find_principal(gateway, f"Bearer {key}".encode("latin-1", "replace"), request.scope)
    except Reject as error:
        return _page(request, gateway, next_path, error)
    return await _begin(request, gateway, KnownKey(principal, key_hash(key)), next_path, by="key")


@router.get("/sign-in/link/{token}")
async def follow_link(token: str, request: Request, gateway: Gateway) -> Response:
    """Sign in by a link that somebody opened from outside the web; else ask, as another page may open it."""
    if request.headers.get("sec-fetch-site") != "none":
        return render(request, "sign_in_link.html", LinkView(token))
    return await use_link(token, request, gateway)


@router.post("/sign-in/link/{token}")
async def use_link(token: str, request: Request, gateway: Gateway) -> Response:
    """Sign in by a link, once."""
    key = await redeem_link(gateway, token)
    if key is None:
        detail = "It works once, for some minutes. Ask for another, or sign in with a key."
        return _page(
            request, gateway, "/", Reject(410, "link-used", "This link does not work any more", detail)
        )
    await require_member(gateway, key.principal)
    return await _begin(request, gateway, key, "/", by="link")


@router.get("/sign-in/oidc")
async def go_to_provider(request: Request, gateway: Gateway, next_path: NextPath = "/") -> Response:
    """Send the browser to the OpenID Connect provider."""
    if gateway.oidc is None:
        raise Reject(404, "not-found", "There is no such page")
    state, nonce, verifier = (gateway.random(32).hex() for _ in range(3))
    attempt = SignInAttempt(state, nonce, verifier, own_path(next_path), gateway.clock.now())
    try:
        url = await gateway.oidc.authorization_url(state=state, nonce=nonce, verifier=verifier)
    except Reject as error:
        return _page(request, gateway, next_path, error)
    response = Response(status_code=303, headers={"location": url})
    set_attempt(gateway.sessions, response, attempt)
    return response


@router.get("/sign-in/oidc/callback")
async def return_from_provider(
    request: Request, gateway: Gateway, state: Word = "", code: Word = "", error: Word = ""
) -> Response:
    """Redeem the code that the provider gave, in the browser that was sent there."""
    attempt = gateway.sessions.attempts.decode(
        request.cookies.get(gateway.sessions.attempt_cookie, ""), SignInAttempt
    )
    try:
        key, person = await _redeem(gateway, attempt, state, code, error)
    except Reject as refusal:
        response = _page(request, gateway, attempt.next if attempt else "/", refusal)
    else:
        next_path = attempt.next if attempt else "/"
        response = await _begin(request, gateway, key, next_path, by="oidc", person=person)
    remove_attempt(gateway.sessions, response)
    return response


@signed_in.post("/sign-out")
async def sign_out(gateway: Gateway, audit: Audit) -> Response:
    """Take the cookie away."""
    async with gateway.database.begin() as tx:
        await audit.record(tx, "session.ended")
    response = Response(status_code=303, headers={"location": "/sign-in"})
    remove_cookie(gateway.sessions, response)
    return response


async def _redeem(
    gateway: GatewayState, attempt: SignInAttempt | None, state: str, code: str, error: str
) -> tuple[KnownKey, SignedInPerson]:
    """Return who signed in at the provider, as a session compares and names them. Raises `Reject`."""
    if gateway.oidc is None or attempt is None or not attempt.is_answered_by(state, gateway.clock.now()):
        detail = "It took too long, or began in another browser. Sign in again."
        raise Reject(403, "forbidden", "This sign-in cannot be continued", detail)
    if not code:
        raise Reject(401, "sign-in-refused", "The sign-in provider let nobody in", error[:80])
    found = await gateway.oidc.redeem(code, nonce=attempt.nonce, verifier=attempt.verifier)
    person = SignedInPerson(found.name, found.scopes, found.rep)
    key = gateway.oidc.known_person(found.id, person)
    await require_member(gateway, key.principal)
    return key, person


async def _begin(
    request: Request,
    gateway: GatewayState,
    key: KnownKey,
    next_path: str,
    *,
    by: str,
    person: SignedInPerson | None = None,
) -> Response:
    """Return the answer that begins a session of a key or a person, and leads to the page that was wanted."""
    now, nonce = gateway.clock.now(), gateway.random(NONCE_BYTES).hex()
    session = Session(key.principal.key_id, key.hash[:KEY_HASH_LENGTH], now, now, nonce, person)
    async with gateway.database.begin() as tx:
        await trail_of(key.principal, request).record(tx, "session.started", by=by)
    response = Response(status_code=303, headers={"location": own_path(next_path)})
    set_cookie(gateway.sessions, response, session)
    return response


def _page(request: Request, gateway: GatewayState, next_path: str, error: Reject | None = None) -> Response:
    """Return the sign-in page, with what was wrong."""
    label = gateway.oidc.label if gateway.oidc else ""
    fault = "" if error is None else f"{error.title}. {error.detail}" if error.detail else error.title
    view = SignInView(next=own_path(next_path), fault=fault, provider=label)
    headers = dict(error.headers) if error else {}
    return render(request, "sign_in.html", view, status=error.status if error else 200, headers=headers)


def own_path(path: str) -> str:
    """Return a path of this server that a person may be sent on to, `/` for anything else."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if is_own and path.isprintable() and path.isascii() else "/"

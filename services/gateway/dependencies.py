"""What endpoints declare as parameters.

    async def list_leads(gateway: Gateway, caller: Reader, paging: Paging) -> Page[LeadSummary]: ...

`Gateway` is the state; `Reader`, `Seller`, `Manager`, `Admin` are the caller, whose key has that scope, and
`AnyCaller` one with any key (a router whose endpoints do not ask who it is says
`dependencies=[Security(caller, scopes=["admin"])]`);
`Audit` is where an endpoint that changes something records who did it; `Paging` is `?limit=&cursor=`;
`RequestArrival` is what the envelope of a published event takes from the
request. A body is a parameter whose type is a `RequestBody`.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from fastapi import Depends, Header, Query, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes
from fastapi.security.base import SecurityBase
from pydantic import BaseModel

from services.gateway.audit import AuditTrail
from services.gateway.domain.access import SCOPES, Principal, Scope
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.audit import Author
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.storage.keyset import Cursor
from shared.web.client_address import client_address

T = TypeVar("T")

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
IDEMPOTENCY_KEY_LENGTH_MAX: Final = 200

_CURSOR_LENGTH_MAX = 600
_BEARER = b"bearer "
_KEY_BYTES_MAX = 500
_API_KEYS = ""  # no source has this name


async def gateway_state(request: Request) -> GatewayState:
    """Return the state that `create_app` was given."""
    state: GatewayState = request.app.state.gateway
    return state


Gateway = Annotated[GatewayState, Depends(gateway_state)]

bearer_key: Final[SecurityBase] = HTTPBearer(
    scheme_name="key",
    description=f"An API key with the scope named there: {', '.join(SCOPES)}",
    auto_error=False,
)


async def caller(
    scopes: SecurityScopes, request: Request, _documented: Annotated[Any, Depends(bearer_key)]
) -> Principal:
    """Return the principal of the request's key. Raises `Reject` (401, 403) and `Retry`."""
    return await authenticate(request, scopes.scopes)


AnyCaller = Annotated[Principal, Security(caller)]
Intake = Annotated[Principal, Security(caller, scopes=["intake"])]
Reader = Annotated[Principal, Security(caller, scopes=["read"])]
Seller = Annotated[Principal, Security(caller, scopes=["rep"])]
Manager = Annotated[Principal, Security(caller, scopes=["manager"])]
Admin = Annotated[Principal, Security(caller, scopes=["admin"])]


async def authenticate(request: Request, scopes: Iterable[str]) -> Principal:
    """Return the principal of a request's key, which is looked up once a request.

    Raises `Reject` (401, 403) and `Retry`.
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        credentials = request.headers.get("authorization", "").encode("latin-1")
        gateway: GatewayState = request.app.state.gateway
        principal = request.state.principal = await find_principal(gateway, credentials, request.scope)
    for scope in scopes:
        require_scope(principal, scope)  # type: ignore[arg-type]
    return principal


async def find_principal(gateway: GatewayState, credentials: bytes, scope: Mapping[str, Any]) -> Principal:
    """Return the principal of an Authorization header. Raises `Reject` (401, 403, 429) and `Retry`.

    The key of a rep who has left the team does nothing any more, but a manager stays one.
    """
    if credentials[: len(_BEARER)].lower() != _BEARER:
        raise _unauthorized("Send it as Authorization: Bearer KEY")
    key = credentials[len(_BEARER) :].strip()[: _KEY_BYTES_MAX + 1].decode("latin-1")
    address = client_address(scope)
    gateway.guesses.refuse_if_slowed(_API_KEYS, address, key)
    principal = await gateway.keys.find(key) if len(key) <= _KEY_BYTES_MAX else None
    if principal is None:
        gateway.guesses.count_wrong(_API_KEYS, address, key)
        raise _unauthorized("This key is unknown or revoked")
    gateway.guesses.count_right(_API_KEYS, address, key)
    await require_member(gateway, principal)
    return principal


async def require_member(gateway: GatewayState, principal: Principal) -> None:
    """Raise `Reject` (403) for the key of a rep who has left the team, unless it is a manager's."""
    if principal.rep is not None and not principal.may("manager"):
        policy = (await gateway.policies.start()).policy
        if principal.rep not in policy.team.owners:
            detail = f"The key is that of {principal.rep}, who is not in the team any more"
            raise Reject(403, "rep-left", "The rep of this key has left the team", detail)


def require_scope(principal: Principal, scope: Scope) -> None:
    """Raise `Reject` (403) unless a principal's key has the scope."""
    if not principal.may(scope):
        raise Reject(403, "forbidden", "This key does not allow that", f"It needs the scope {scope}")


def _unauthorized(detail: str) -> Reject:
    challenge = ("www-authenticate", 'Bearer realm="baton"')
    return Reject(401, "unauthorized", "An API key is needed", detail, headers=(challenge,))


async def audit_trail(request: Request) -> AuditTrail:
    """Return the audit trail of the caller. Raises `Reject` (401, 403) and `Retry`."""
    return trail_of(await authenticate(request, ()), request)


def trail_of(principal: Principal, request: Request) -> AuditTrail:
    """Return the audit trail of a principal who sends this request."""
    gateway: GatewayState = request.app.state.gateway
    name, address = principal.name or principal.key_id, client_address(request.scope)
    return AuditTrail(Author(principal.key_id, name, principal.rep, address), gateway.clock, gateway.random)


Audit = Annotated[AuditTrail, Depends(audit_trail)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="With the same key and the same body there is one event, however often it is sent; "
        "with another body the answer is 422. A key counts for its API key and its path, for a week or more.",
        json_schema_extra={"minLength": 1, "maxLength": IDEMPOTENCY_KEY_LENGTH_MAX},
    ),
]


def new_arrival(
    gateway: GatewayState,
    traceparent: str,
    idempotency_key: str | None,
    *,
    scope: tuple[str, ...],
    has_api_key: bool,
) -> Arrival:
    """Return what events take from a request that comes now. Raises `Reject` (422) for a bad key."""
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= IDEMPOTENCY_KEY_LENGTH_MAX:
        detail = f"Between 1 and {IDEMPOTENCY_KEY_LENGTH_MAX} characters are allowed"
        raise Reject(422, "invalid-idempotency-key", "The Idempotency-Key is not valid", detail)
    return Arrival(
        gateway.clock.now(),
        gateway.random,
        traceparent,
        idempotency_key or "",
        scope=scope,
        has_api_key=has_api_key,
        shared_hosts=gateway.shared_hosts,
    )


async def request_arrival(
    request: Request, gateway: Gateway, idempotency_key: IdempotencyKey = None
) -> Arrival:
    """Return time, trace, idempotency key and scope of the request. Raises `Reject` (422) for a bad key.

    The scope of a caller with an API key is the key and the path, that of a hook the name of its source.
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    scope = (
        ("source", request.path_params["source"])
        if principal is None
        else (principal.key_id, request.url.path)
    )
    traceparent: str = request.state.traceparent
    return new_arrival(gateway, traceparent, idempotency_key, scope=scope, has_api_key=principal is not None)


RequestArrival = Annotated[Arrival, Depends(request_arrival)]


class Page(BaseModel, Generic[T]):
    """One page of a list. `next` is the cursor of the next page, null on the last one."""

    data: list[T]
    next: str | None


class CompleteList(BaseModel, Generic[T]):
    """All items of a list that is always short, so that it has no pages: `next` is always null."""

    data: list[T]
    next: None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many items a page may have, and the position that it begins after (None: the first page)."""

    limit: int
    after: Cursor | None

    def page(self, data: Sequence[T], cursors: Sequence[Cursor]) -> Page[T]:
        """Return a page of `limit` items out of at most one more, whose presence says that there is more."""
        if len(data) <= self.limit:
            return Page(data=list(data), next=None)
        return Page(data=list(data[: self.limit]), next=cursor_text(cursors[self.limit - 1]))


def cursor_text(cursor: Cursor) -> str:
    """Return a cursor as a client gets it."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


async def page_request(
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=LIMIT_MAX,
            description=f"How many items at most, {LIMIT_DEFAULT} by default and {LIMIT_MAX} at most",
        ),
    ] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(description="Where to go on: `next` of the page before")] = None,
) -> PageRequest:
    """Return the page that the query asks for. Raises `Reject` (422)."""
    return PageRequest(limit, None if cursor is None else _decode_cursor(cursor))


Paging = Annotated[PageRequest, Depends(page_request)]

_decode = msgspec.json.Decoder(Cursor).decode


def _decode_cursor(text: str) -> Cursor:
    text = text[:_CURSOR_LENGTH_MAX]
    try:
        cursor = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        cursor = None
    if cursor is None or "\0" in cursor.id or not 1 < cursor.at.year < 9999:
        raise invalid_cursor()
    return cursor


def invalid_cursor() -> Reject:
    """Return the rejection of a cursor that no page of this list has."""
    detail = "Take `cursor` from `next` of the page before, or leave it out to begin again"
    return Reject(422, "invalid-cursor", "The cursor is not one that was given", detail)

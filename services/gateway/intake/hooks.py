"""`/hooks`: forms from browsers and form vendors, and signals from tools that have a source of their own.

No API key is needed: who knows a source's secret may post to it, and everybody where it is public.
"""

import hmac
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.types import Message, Receive, Scope, Send

from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, RequestArrival
from services.gateway.domain.sources import HookSource
from services.gateway.intake.forms import FORM_BODY, receive_form
from services.gateway.intake.lane import SignalAnswer
from services.gateway.intake.leads import AcceptedLead, publish_lead
from services.gateway.intake.signals import accept_signals
from services.gateway.intake.signatures import SCHEMES
from services.gateway.request_body import ITEMS_MAX, require_json
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.web.event_schema import MsgspecType

_ERRORS: Final = problem_responses(400, 403, 404, 413, 415, 422)
_SIGNAL: Final = {"$ref": "#/components/schemas/SignalReceivedV1"}
_SIGNAL_LIST: Final = {"type": "array", "items": _SIGNAL, "minItems": 1, "maxItems": ITEMS_MAX}
_PREFLIGHT_HEADERS: Final = {
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": "content-type, idempotency-key, traceparent",
    "access-control-max-age": "86400",
}


async def form_source(source: str, request: Request, gateway: Gateway) -> HookSource:
    """Return the source of forms that the path names. Raises `Reject` (404)."""
    found: HookSource | None = getattr(request.state, "source", None) or gateway.sources.current.get(source)
    if found is None or found.kind == "signal":
        raise Reject(404, "unknown-source", "There is no such source of forms")
    return found


async def signal_source(source: str, gateway: Gateway) -> HookSource:
    """Return the source of signals that the path names. Raises `Reject` (404)."""
    found = gateway.sources.current.get(source)
    if found is None or found.kind != "signal":
        raise Reject(404, "unknown-source", "There is no such source of signals")
    return found


async def path_token(token: Annotated[str, Path(description="The secret of the source")]) -> str:
    """Document the token of a path; `verify_source` reads it, as most paths have none."""
    return token


FormSource = Annotated[HookSource, Depends(form_source)]
SignalSource = Annotated[HookSource, Depends(signal_source)]
WITH_TOKEN: Final = [Depends(path_token)]


async def verify_source(gateway: GatewayState, source: HookSource, request: Request) -> None:
    """Check the signature or the token of a request to a source that is not public.

    Raises `Reject` (403) when it is missing or wrong, `Retry` while the source's secret is not set.
    """
    if source.public:
        return
    body = await request.body()  # a fault of its size or encoding is reported before one of its sender
    secret = gateway.sources.secret(source)
    if source.signature is not None:
        if not SCHEMES[source.signature](secret, request.headers, body, gateway.clock.now()):
            raise Reject(403, "wrong-signature", "The signature of this source is missing or wrong")
    elif not hmac.compare_digest(_utf8(request.path_params.get("token", "")), _utf8(secret)):
        raise Reject(403, "wrong-token", "The token of this source is missing or wrong")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


class CrossOriginRoute(ApiRoute):
    """A route that a page of another origin may call, as far as its source allows.

    The headers go on every answer, so that a page's script can read the problems too. The source that they
    follow from is left in the request's state for `form_source`.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        allowed = _cross_origin_headers(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *allowed]
            await send(message)

        await super().handle(scope, receive, send_with_headers)


def _cross_origin_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that let a page read the answer, if its origin is one of the source's.

    Everybody may read the 404 of a source that does not exist: the page's author has to see it.
    """
    sources = scope["app"].state.gateway.sources.current
    source: HookSource | None = sources.get(scope["path_params"]["source"])
    scope["state"]["source"] = source
    if source is None:
        return [(b"access-control-allow-origin", b"*")]
    origin = dict(scope["headers"]).get(b"origin", b"")
    headers = [(b"vary", b"origin")]
    if "*" in source.origins:
        headers.append((b"access-control-allow-origin", b"*"))
    elif origin.decode("latin-1") in source.origins:
        headers.append((b"access-control-allow-origin", origin))
    return headers


forms = APIRouter(prefix="/hooks/forms", tags=["Hooks"], route_class=CrossOriginRoute, responses=_ERRORS)
signals = APIRouter(prefix="/hooks/signals", tags=["Hooks"], route_class=ApiRoute, responses=_ERRORS)

_FORM_POST: Final[dict[str, Any]] = {
    "status_code": 202,
    "response_model": Annotated[AcceptedLead, MsgspecType()],
    "summary": "Take a form as a lead",
    "openapi_extra": FORM_BODY,
}


@forms.post("/{source}", **_FORM_POST)
@forms.post("/{source}/{token}", dependencies=WITH_TOKEN, **_FORM_POST)
async def post_form(
    request: Request,
    gateway: Gateway,
    arrival: RequestArrival,
    source: FormSource,
    redirect: Annotated[
        str | None, Query(description="Answer 303 to this URL, which the source must allow, in place of 202")
    ] = None,
) -> AcceptedLead | Response:
    """Take JSON, an urlencoded or a multipart form, from a page or from a form vendor."""
    if redirect is not None and not source.may_redirect(redirect):
        raise Reject(422, "redirect-refused", "The source does not allow this redirect")
    await verify_source(gateway, source, request)
    accepted = await publish_lead(gateway, await receive_form(request, source, arrival))
    return accepted if redirect is None else Response(status_code=303, headers={"location": redirect})


@forms.options(
    "/{source}",
    status_code=204,
    summary="Answer a browser's preflight request",
)
@forms.options(
    "/{source}/{token}",
    dependencies=WITH_TOKEN,
    status_code=204,
    summary="Answer a browser's preflight request",
)
async def preflight_form(source: FormSource) -> Response:  # noqa: ARG001 - its dependency answers 404
    """Tell which methods and headers a page may use."""
    return Response(status_code=204, headers=_PREFLIGHT_HEADERS)


_SIGNAL_POST: Final[dict[str, Any]] = {
    "status_code": 202,
    "response_model": SignalAnswer,
    "summary": f"Take a buying signal or a later activity from a source, or a list of up to {ITEMS_MAX}",
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": [_SIGNAL, _SIGNAL_LIST]}}},
        }
    },
}


@signals.post("/{source}", **_SIGNAL_POST)
@signals.post("/{source}/{token}", dependencies=WITH_TOKEN, **_SIGNAL_POST)
async def post_signal(
    request: Request, source: SignalSource, gateway: Gateway, arrival: RequestArrival
) -> Response:
    """Take the body of `POST /v1/signals`."""
    require_json(request.headers.get("content-type", ""))
    raw = await request.body()
    await verify_source(gateway, source, request)
    answer = await accept_signals(gateway, raw, arrival, source)
    return Response(answer, 202, media_type="application/json") if isinstance(answer, bytes) else answer

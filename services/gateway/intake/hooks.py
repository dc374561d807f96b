"""`/hooks`: forms from browsers and form vendors, and signals from tools that have a source of their own.

No API key is needed: who knows a source's secret may post to it, and everybody where it is public.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from services.gateway.api_route import problem_responses
from services.gateway.dependencies import Gateway, RequestArrival
from services.gateway.domain.sources import HookSource
from services.gateway.intake.captcha import verify_captcha
from services.gateway.intake.forms import FORM_BODY, receive_form
from services.gateway.intake.handshakes import handshake_response
from services.gateway.intake.hook_route import CrossOriginRoute, HookRoute, preflight_headers
from services.gateway.intake.leads import AcceptedLead, publish_lead
from services.gateway.intake.rejected import keep_rejected_items
from services.gateway.intake.sender import verify_source
from services.gateway.intake.signals import SignalAnswer, accept_signals
from services.gateway.intake.vendor_answers import VendorAnswer, accept_vendor_request
from services.gateway.not_found import not_found
from services.gateway.request_body import ITEMS_MAX, require_json
from shared.errors import Reject
from shared.web.event_schema import MsgspecType

_ERRORS: Final = problem_responses(400, 403, 404, 413, 415, 422, 429)
_REDIRECTED: Final[dict[int | str, dict[str, Any]]] = {303: {"description": "To the URL of `redirect`"}}
_SIGNAL: Final = {"$ref": "#/components/schemas/SignalReceivedV1"}
_SIGNAL_LIST: Final = {"type": "array", "items": _SIGNAL, "minItems": 1, "maxItems": ITEMS_MAX}


async def form_source(source: str, request: Request, gateway: Gateway) -> HookSource:
    """Return the source of forms that the path names. Raises `Reject` (404)."""
    found: HookSource | None = getattr(request.state, "source", None) or gateway.sources.current.get(source)
    if found is None or found.hook != "forms":
        raise not_found("source", "source of forms", source, "GET /v1/sources", key="name")
    return found


async def signal_source(source: str, gateway: Gateway) -> HookSource:
    """Return the source of signals that the path names. Raises `Reject` (404)."""
    found = gateway.sources.current.get(source)
    if found is None or found.hook != "signals":
        raise not_found("source", "source of signals", source, "GET /v1/sources", key="name")
    return found


async def path_token(token: Annotated[str, Path(description="The secret of the source")]) -> str:
    """Document the token of a path; `verify_source` reads it, as most paths have none."""
    return token


FormSource = Annotated[HookSource, Depends(form_source)]
SignalSource = Annotated[HookSource, Depends(signal_source)]
WITH_TOKEN: Final = [Depends(path_token)]


forms = APIRouter(prefix="/hooks/forms", tags=["Hooks"], route_class=CrossOriginRoute, responses=_ERRORS)
signals = APIRouter(prefix="/hooks/signals", tags=["Hooks"], route_class=HookRoute, responses=_ERRORS)

_FORM_POST: Final[dict[str, Any]] = {
    "status_code": 202,
    "response_model": Annotated[AcceptedLead, MsgspecType()] | VendorAnswer,
    "summary": "Take a form as a lead",
    "responses": _REDIRECTED,
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
        str | None,
        Query(
            description="Answer 303 to this URL, which the source must allow; with `error=` after a failure"
        ),
    ] = None,
) -> AcceptedLead | Response:
    """Take JSON, an urlencoded or a multipart form, from a page or from a form vendor."""
    if redirect is not None and not source.may_redirect(redirect):
        raise Reject(422, "redirect-refused", "The source does not allow this redirect")
    arrival = await verify_source(gateway, source, request, arrival)
    accepted: AcceptedLead | Response
    if source.preset is not None:
        accepted = await accept_vendor_request(gateway, source, request, arrival)
    else:
        received = await receive_form(request, source, arrival)
        if source.captcha is not None:
            received = await verify_captcha(gateway, source.name, source.captcha, received)
        accepted = await publish_lead(gateway, received)
    return accepted if redirect is None else Response(status_code=303, headers={"location": redirect})


_PREFLIGHT: Final[dict[str, Any]] = {"status_code": 204, "summary": "Answer a browser's preflight request"}
_HANDSHAKE: Final[dict[str, Any]] = {
    "summary": "Answer a vendor that checks the URL, and tell a person what to do",
    "response_class": PlainTextResponse,
}


@forms.options("/{source}", **_PREFLIGHT)
@forms.options("/{source}/{token}", dependencies=WITH_TOKEN, **_PREFLIGHT)
async def preflight_form(request: Request, source: FormSource) -> Response:  # noqa: ARG001 - it answers 404
    """Tell which methods and headers a page may use."""
    requested = request.headers.get("access-control-request-headers", "")
    return Response(status_code=204, headers=preflight_headers(requested))


@forms.get("/{source}", **_HANDSHAKE)
@forms.get("/{source}/{token}", dependencies=WITH_TOKEN, **_HANDSHAKE)
async def get_form(request: Request, gateway: Gateway, source: FormSource) -> Response:
    """Return the challenge of Meta, WebSub or LinkedIn, else a line of text."""
    return handshake_response(gateway, source, request)


@signals.get("/{source}", **_HANDSHAKE)
@signals.get("/{source}/{token}", dependencies=WITH_TOKEN, **_HANDSHAKE)
async def get_signals(request: Request, gateway: Gateway, source: SignalSource) -> Response:
    """Return the challenge of the vendor, else a line of text."""
    return handshake_response(gateway, source, request)


_SIGNAL_POST: Final[dict[str, Any]] = {
    "status_code": 202,
    "response_model": SignalAnswer | VendorAnswer,
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
    """Take the body of `POST /v1/signals`, or what the vendor of the source sends."""
    if source.preset is not None:
        arrival = await verify_source(gateway, source, request, arrival)
        return await accept_vendor_request(gateway, source, request, arrival)
    require_json(request.headers.get("content-type", ""))
    raw = await request.body()
    arrival = await verify_source(gateway, source, request, arrival)
    answer = await accept_signals(gateway, raw, arrival, source)
    if isinstance(answer, bytes):
        return Response(answer, 202, media_type="application/json")
    await keep_rejected_items(request, source, raw, answer)
    return answer

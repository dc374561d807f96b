"""The sources, `/sources`: where forms and vendors post, whether they can, and what a body would become."""

from fastapi import APIRouter, Request, Response
from starlette.types import Message

from services.gateway.api.sources import (
    AnySource,
    get_rejected,
    get_sources,
    preview_post,
    replay_rejected,
)
from services.gateway.console import words
from services.gateway.console.forms import Form
from services.gateway.console.pages.lead_actions import done
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.sources import TriedBody, source_page, sources_view, tried_body
from services.gateway.dependencies import Audit, Gateway, Manager, PageRequest
from services.gateway.error_handlers import rejection_of
from services.gateway.request_body import ApiRequest
from shared.errors import DataError, Reject, Retry

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_REJECTED_MAX = 20


@router.get("/sources")
async def show_sources(request: Request, gateway: Gateway, _principal: Manager) -> Response:
    """Return every source."""
    found = await get_sources(gateway)
    return render(request, "sources/page.html", sources_view(found.data, _base(request)))


@router.get("/sources/{source}")
async def show_source(request: Request, source: AnySource, gateway: Gateway, _principal: Manager) -> Response:
    """Return one source, with what it could not read lately."""
    found = next(one for one in (await get_sources(gateway)).data if one.name == source.name)
    rejected = await get_rejected(source, gateway, PageRequest(_REJECTED_MAX, None))
    return render(request, "sources/source.html", source_page(found, rejected.data, _base(request)))


@router.post("/sources/{source}/test")
async def try_body(
    request: Request, source: AnySource, gateway: Gateway, _principal: Manager, form: Form
) -> Response:
    """Show what a pasted body would become; nothing is stored or published."""
    body = form.raw("body").strip().encode()
    try:
        result = tried_body(await preview_post(_posted(request, body), source, gateway))
    except (Reject, Retry, DataError) as error:
        reject = rejection_of(error)
        faults = [f"{fault.pointer}: {fault.detail}" for fault in reject.errors]
        result = TriedBody(fault="; ".join(faults) or reject.detail or reject.title)
    return render(request, "sources/result.html", result)


@router.post("/sources/{source}/replay")
async def replay(
    request: Request, source: AnySource, gateway: Gateway, _principal: Manager, audit: Audit
) -> Response:
    """Read what was rejected again, after the mapping of the source was mended."""
    answer = await replay_rejected(request, source, gateway, audit)
    text = f"{words.counted(answer.accepted, 'submission')} accepted, {answer.rejected} still rejected"
    return done({"text": text, "bad": bool(answer.rejected)}, [])


def _posted(request: Request, body: bytes) -> ApiRequest:
    """Return the request that would post a body: JSON if it looks like that, else a form."""
    kind = b"application/json" if body[:1] in (b"{", b"[") else b"application/x-www-form-urlencoded"
    given = {b"content-type", b"content-length", b"content-encoding"}
    headers = [(name, value) for name, value in request.scope["headers"] if name not in given]
    headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return ApiRequest({**request.scope, "headers": headers}, receive)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")

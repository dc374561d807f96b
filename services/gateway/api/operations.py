"""The page at `/`, and the operator's endpoints on the public port.

Strangers can reach this port: what is wrong with a dependency and what the metrics count is told to a key
with the scope `read`, and to everybody only on the ops port (`shared.web.ops`).
"""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, Reader, authenticate
from shared.observability.metrics import CONTENT_TYPE
from shared.web.event_schema import MsgspecType
from shared.web.ops import Check

router = APIRouter(tags=["Operation"], route_class=ApiRoute)


class ReadinessView(ApiModel):
    """Whether every role of the process can do its work. Only a key with the scope `read` sees the checks."""

    ready: bool
    checks: Annotated[
        dict[str, Annotated[Check, MsgspecType()]] | None, Field(description="For a key with the scope read")
    ] = None


_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

_INDEX: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Baton</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Baton</h1>
<p>Baton takes an inbound lead from a form to the right seller, and explains every decision.</p>
<ul>
<li><a href="/docs">docs</a>: the HTTP API, to read and to try</li>
<li><a href="/openapi.json">openapi.json</a>: the HTTP API</li>
<li><a href="/asyncapi.json">asyncapi.json</a>: topics and events</li>
<li><a href="/readyz">readyz</a>: whether everything works; with a key, what does not</li>
<li>/metrics: for Prometheus, with a key</li>
</ul>
</html>
"""


@router.get("/", summary="Show the start page", response_class=HTMLResponse)
async def show_index() -> HTMLResponse:
    """Return an HTML page with links to the contracts and the operator's endpoints."""
    return HTMLResponse(_INDEX, headers=_HEADERS)


@router.get("/livez", summary="Tell whether the process runs")
async def get_liveness() -> dict[str, bool]:
    return {"live": True}


@router.get(
    "/readyz",
    summary="Tell whether Baton can do its work; with a key of scope read also what it cannot reach",
    response_model=ReadinessView,
    responses={503: {"description": "It cannot", "model": ReadinessView}},
)
async def get_readiness(request: Request, gateway: Gateway) -> Response:
    """Return 200, or 503. A key that is sent has to be one with the scope read."""
    readiness = gateway.health.readiness()
    if request.headers.get("authorization"):
        await authenticate(request, ["read"])
        body = msgspec.json.encode(readiness)
    else:
        body = msgspec.json.encode({"ready": readiness.ready})
    return Response(body, 200 if readiness.ready else 503, media_type="application/json")


@router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
async def get_metrics(gateway: Gateway, _caller: Reader) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(gateway.metrics.render(), headers={"content-type": CONTENT_TYPE})

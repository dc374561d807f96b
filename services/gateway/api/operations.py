"""The operator's endpoints on the public port.

Strangers can reach this port: what is wrong with a dependency and what the metrics count is shown to a key
with the scope `read`, and to everybody only on the ops port (`shared.web.ops`).
"""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, Reader, authenticate
from shared.observability.metrics import CONTENT_TYPE
from shared.readiness import Check
from shared.web.event_schema import MsgspecType

router = APIRouter(tags=["Operation"], route_class=ApiRoute)


class ReadinessView(ApiModel):
    """Whether every role of the process can do its work. Only a key with the scope `read` sees the checks."""

    ready: bool
    checks: Annotated[
        dict[str, Annotated[Check, MsgspecType()]] | None, Field(description="For a key with the scope read")
    ] = None


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

"""The operator's endpoints as a FastAPI router, documented, for the gateway's own port."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from shared.observability.metrics import Metrics
from shared.web.event_schema import MsgspecType
from shared.web.ops import Health, OpsEndpoints, Readiness

_Readiness = Annotated[Readiness, MsgspecType()]


def ops_router(health: Health, metrics: Metrics) -> APIRouter:
    """Return `/livez`, `/readyz` and `/metrics`."""
    router, endpoints = APIRouter(), OpsEndpoints(health, metrics)

    @router.get("/livez", summary="Tell whether the process runs", response_model=dict[str, bool])
    @router.head("/livez", include_in_schema=False)
    async def livez(request: Request) -> Response:
        return await endpoints.livez(request)

    @router.get(
        "/readyz",
        summary="Tell whether the role can do its work",
        response_model=_Readiness,
        responses={503: {"description": "It cannot; the checks say why", "model": _Readiness}},
    )
    @router.head("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        return await endpoints.readyz(request)

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    @router.head("/metrics", include_in_schema=False)
    async def expose(request: Request) -> Response:
        return await endpoints.expose(request)

    return router

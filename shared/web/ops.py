"""Endpoints for operators: liveness, readiness and metrics of a role."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import PlainTextResponse
from msgspec import Struct

from shared.observability.metrics import CONTENT_TYPE, Metrics
from shared.settings import CommonSettings
from shared.web.event_schema import MsgspecType
from shared.web.server import HttpServer


class Check(Struct, frozen=True):
    """The state of one dependency of a role; `detail` says what is wrong with it."""

    ok: bool
    detail: str


class Readiness(Struct, frozen=True):
    """Whether a role can do its work now, and the checks that this follows from."""

    ready: bool
    checks: dict[str, Check]


class Health:
    """The checks of a role, kept up to date by its parts. Those in `awaited` fail until they are set."""

    def __init__(self, awaited: Iterable[str] = ()) -> None:
        self._checks = {name: Check(ok=False, detail="starting") for name in awaited}

    def set(self, name: str, ok: bool, detail: str = "") -> None:  # noqa: FBT001 - reads well: set("stream", False, …)
        """Record the present state of one check."""
        self._checks[name] = Check(ok=ok, detail=detail)

    def readiness(self) -> Readiness:
        """Return the state of all checks; ready means that every one is ok."""
        return Readiness(ready=all(check.ok for check in self._checks.values()), checks=dict(self._checks))


_Readiness = Annotated[Readiness, MsgspecType()]


def ops_router(health: Health, metrics: Metrics) -> APIRouter:
    """Return `/livez`, `/readyz` and `/metrics`, as a router for any FastAPI application."""
    router = APIRouter()

    @router.get("/livez", summary="Tell whether the process runs")
    @router.head("/livez", include_in_schema=False)
    async def livez() -> dict[str, bool]:
        return {"live": True}

    @router.get(
        "/readyz",
        summary="Tell whether the role can do its work",
        responses={503: {"description": "It cannot; the checks say why", "model": _Readiness}},
    )
    @router.head("/readyz", include_in_schema=False)
    async def readyz(response: Response) -> _Readiness:
        readiness = health.readiness()
        response.status_code = 200 if readiness.ready else 503
        return readiness

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    @router.head("/metrics", include_in_schema=False)
    async def expose() -> Response:
        return Response(metrics.render(), headers={"content-type": CONTENT_TYPE})

    return router


class OpsServer(HttpServer):
    """Serves `ops_router` on `BATON_OPS_PORT`, in the event loop that the role's work runs in."""

    def __init__(self, health: Health, metrics: Metrics, settings: CommonSettings) -> None:
        app = FastAPI(openapi_url=None)
        app.include_router(ops_router(health, metrics))
        super().__init__(
            app, host=settings.http_host, port=settings.ops_port, port_field="ops_port", drain_s=1
        )

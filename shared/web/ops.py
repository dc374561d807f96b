"""Endpoints for operators: liveness, readiness and metrics of a role."""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.health import Health
from shared.observability.metrics import CONTENT_TYPE, Metrics
from shared.settings import CommonSettings
from shared.web.server import HttpServer, connection_limits

_JSON = "application/json"


class OpsEndpoints:
    """The endpoints `/livez`, `/readyz` and `/metrics` of a process."""

    def __init__(self, health: Health, metrics: Metrics) -> None:
        self._health = health
        self._metrics = metrics

    async def livez(self, _request: Request) -> Response:
        return Response(b'{"live":true}', media_type=_JSON)

    async def readyz(self, _request: Request) -> Response:
        readiness = self._health.readiness()
        return Response(msgspec.json.encode(readiness), 200 if readiness.ready else 503, media_type=_JSON)

    async def expose(self, _request: Request) -> Response:
        return Response(self._metrics.render(), headers={"content-type": CONTENT_TYPE})


class OpsServer(HttpServer):
    """Serves them on `BATON_OPS_PORT`, in the event loop that the role's work runs in.

    It is plain Starlette: a process that serves nothing else does not load FastAPI, which takes 3 to 10 MiB.
    """

    def __init__(self, health: Health, metrics: Metrics, settings: CommonSettings) -> None:
        endpoints = OpsEndpoints(health, metrics)
        app = Starlette(
            routes=[
                Route("/livez", endpoints.livez),
                Route("/readyz", endpoints.readyz),
                Route("/metrics", endpoints.expose),
            ]
        )
        super().__init__(
            app,
            host=settings.http_host,
            port=settings.ops_port,
            port_field="ops_port",
            drain_s=1,
            limits=connection_limits(settings),
        )

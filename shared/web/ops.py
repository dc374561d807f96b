"""Endpoints for operators: liveness, readiness and metrics of a role."""

from collections.abc import Iterable

import msgspec
import structlog
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.observability.metrics import CONTENT_TYPE, Metrics
from shared.settings import CommonSettings
from shared.web.server import HttpServer, connection_limits

log = structlog.get_logger()

_JSON = "application/json"


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

    def report_retry(self, name: str, reason: str) -> None:
        """Record that a check fails and is tried again; log it once for as long as the reason is the same."""
        if self._checks.get(name) != Check(ok=False, detail=reason):
            log.warning("retrying", what=name, reason=reason)
        self.set(name, ok=False, detail=reason)

    def readiness(self) -> Readiness:
        """Return the state of all checks; ready means that every one is ok."""
        return Readiness(ready=all(check.ok for check in self._checks.values()), checks=dict(self._checks))


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

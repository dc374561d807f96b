"""What the operator's machinery asks of a role: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.observability.metrics import CONTENT_TYPE, Metrics
from shared.settings import CommonSettings
from shared.web.server import HttpServer


class Check(Struct, frozen=True):
    """The state of one thing that a role needs; `detail` says what is wrong with it."""

    ok: bool
    detail: str


class Readiness(Struct, frozen=True):
    """Whether a role does its work now, and what that rests on."""

    ready: bool
    checks: dict[str, Check]


class Health:
    """The checks of a role, kept up to date by its parts. Those named at first are awaited."""

    def __init__(self, awaited: Iterable[str] = ()) -> None:
        self._checks = {name: Check(ok=False, detail="starting") for name in awaited}

    def set(self, name: str, ok: bool, detail: str = "") -> None:  # noqa: FBT001 - reads well: set("stream", False, …)
        """Record the present state of one check."""
        self._checks[name] = Check(ok=ok, detail=detail)

    def readiness(self) -> Readiness:
        """Return the state of all checks; ready means that every one is ok."""
        return Readiness(ready=all(check.ok for check in self._checks.values()), checks=dict(self._checks))


def ops_routes(health: Health, metrics: Metrics) -> list[Route]:
    """Return `/livez`, `/readyz` and `/metrics`, for a role's own port or for the gateway's."""

    async def livez(_request: Request) -> Response:
        return Response(b'{"live":true}', media_type="application/json")

    async def readyz(_request: Request) -> Response:
        readiness = health.readiness()
        status = 200 if readiness.ready else 503
        return Response(json.encode(readiness), status, media_type="application/json")

    async def expose(_request: Request) -> Response:
        return Response(metrics.render(), headers={"content-type": CONTENT_TYPE})

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", expose)]


class OpsServer(HttpServer):
    """Serves them on `BATON_OPS_PORT`, in the event loop that the role's work runs in."""

    def __init__(self, health: Health, metrics: Metrics, settings: CommonSettings) -> None:
        app = Starlette(routes=ops_routes(health, metrics))
        super().__init__(
            app, host=settings.http_host, port=settings.ops_port, port_field="ops_port", drain_s=1
        )

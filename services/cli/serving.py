"""`baton up`, `baton serve` and `baton migrate`: the commands that are Baton, rather than speak to it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.client import connected
from services.cli.demo.cases import golden_cases
from services.cli.demo.runner import Played
from services.cli.demo.show import print_differences, print_played, print_where_next, walk
from services.enricher import bootstrap as enricher
from services.gateway import bootstrap as gateway
from services.ledger import bootstrap as ledger
from services.provider_stubs import bootstrap as provider_stubs
from services.router import bootstrap as router
from services.scorer import bootstrap as scorer
from services.standalone import bootstrap as standalone
from shared import secrets_file
from shared.clock import SystemClock
from shared.http.server import free_ports
from shared.observability import logging, tracing
from shared.observability.metrics import Metrics
from shared.runtime import failpoints
from shared.runtime.ops import Health, OpsServer
from shared.runtime.process import open_resources, run_until_signalled, wait_for, watch
from shared.runtime.role import Resources
from shared.settings import (
    CommonSettings,
    EnricherSettings,
    GatewaySettings,
    LedgerSettings,
    RouterSettings,
    ScorerSettings,
    StandaloneSettings,
    StatefulSettings,
    StubsSettings,
    load,
)
from shared.sql.migrate import migrate as run_migrations

_LOOPBACK = "127.0.0.0/8,::1/128"


class Role(StrEnum):
    """What `baton serve` can run."""

    GATEWAY = "gateway"
    ENRICHER = "enricher"
    SCORER = "scorer"
    ROUTER = "router"
    LEDGER = "ledger"
    PROVIDER_STUBS = "provider-stubs"


class Part(StrEnum):
    """The two halves of the router, which scale apart."""

    DECIDE = "decide"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class _Served:
    """How a role is run: its settings and its entry."""

    settings: type[StatefulSettings]
    run: Callable[..., Coroutine[Any, Any, None]]


_ROLES = {
    Role.GATEWAY: _Served(GatewaySettings, gateway.run),
    Role.ENRICHER: _Served(EnricherSettings, enricher.run),
    Role.SCORER: _Served(ScorerSettings, scorer.run),
    Role.ROUTER: _Served(RouterSettings, router.run),
    Role.LEDGER: _Served(LedgerSettings, ledger.run),
}


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(up)
    app.command()(demo)
    app.command()(serve)
    app.command()(migrate)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Feed the demo leads, and show who got them.")] = False,
) -> None:
    """Run every role in one process, with its data in BATON_DATA_DIR (./.baton)."""
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.ensure(data_dir, os.environ, os.urandom)
    environ = {"BATON_EGRESS_ALLOW": _LOOPBACK, **_present(os.environ), **secrets.as_environ()}
    settings = load(StandaloneSettings, environ)
    logging.configure(settings, role="baton")
    traces = tracing.configure("standalone", os.environ)

    async def ready(stop: asyncio.Event) -> None:
        url = f"http://{settings.http_host}:{settings.http_port}"
        if demo:
            async with connected(url, secrets.admin_key) as client:
                played = await walk(client, golden_cases(), stop, run="demo")
            print_played(played)
            print_where_next(url, played)
        typer.echo(f"Baton is ready on {url}")

    async def main(stop: asyncio.Event) -> None:
        failpoint = failpoints.from_environ(os.environ)
        await standalone.run(settings, stop, tracing=traces, ready=ready, failpoint=failpoint)

    run_until_signalled(main)
    traces.stop()


def demo() -> None:
    """Walk the golden leads on a temporary data directory and free ports; exit 1 when one does not hold."""
    with tempfile.TemporaryDirectory(prefix="baton-demo-") as folder:
        data_dir = Path(folder)
        secrets = secrets_file.ensure(data_dir, {}, os.urandom)
        settings = load(StandaloneSettings, _demo_environ(data_dir) | secrets.as_environ())
        logging.configure(settings, role="baton")
        url = f"http://{settings.http_host}:{settings.http_port}"
        played: list[Played] = []

        async def ready(stop: asyncio.Event) -> None:
            async with connected(url, secrets.admin_key) as client:
                played.extend(await walk(client, golden_cases(), stop, run="demo"))
            stop.set()

        async def main(stop: asyncio.Event) -> None:
            await standalone.run(settings, stop, tracing=tracing.Tracing(None), ready=ready)

        run_until_signalled(main)
    print_played(played)
    failed = [one for one in played if one.wrong]
    if failed or not played:
        print_differences(failed)
        raise typer.Exit(1)
    typer.echo(f"All {len(played)} golden cases held.")


def serve(
    role: Annotated[Role, typer.Argument(help="Which role.")],
    only: Annotated[
        Part | None, typer.Option(help="Router: only its deciding or only its delivering half.")
    ] = None,
) -> None:
    """Run one role as a process of its own."""
    if only is not None and role is not Role.ROUTER:
        raise typer.BadParameter("--only is for the router", param_hint="--only")
    if role is Role.PROVIDER_STUBS:
        _serve_stubs()
        return
    _serve(role, _ROLES[role], only)


def _serve_stubs() -> None:
    settings = load(StubsSettings, os.environ)
    logging.configure(settings, role=Role.PROVIDER_STUBS)

    async def main(stop: asyncio.Event) -> None:
        ops = OpsServer(Health(), Metrics(), settings)
        await ops.start()
        try:
            await provider_stubs.run(SystemClock(settings.clock_file), stop, settings)
        finally:
            await ops.stop()

    run_until_signalled(main)


def _serve(role: Role, served: _Served, only: Part | None) -> None:
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.require(data_dir, os.environ)
    settings = load(served.settings, {**os.environ, **secrets.as_environ()})
    logging.configure(settings, role=role)
    traces = tracing.configure(role, os.environ)

    async def main(stop: asyncio.Event) -> None:
        health, metrics = Health(), Metrics()
        ops = OpsServer(health, metrics, settings)
        await ops.start()
        try:
            async with open_resources(
                settings,
                stop,
                health=health,
                metrics=metrics,
                tracing=traces,
                failpoint=failpoints.from_environ(os.environ),
            ) as resources:
                if resources is not None:
                    await _run_role(resources, stop, served, settings, only)
        finally:
            await ops.stop()

    run_until_signalled(main)
    traces.stop()


async def _run_role(
    resources: Resources, stop: asyncio.Event, served: _Served, settings: StatefulSettings, only: Part | None
) -> None:
    more = {"only": only.value} if only is not None else {}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch(resources, stop))
        tasks.create_task(served.run(resources, stop, settings, **more))


def migrate() -> None:
    """Bring the tables up to date, make missing topics, and write missing secrets."""
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.ensure(Path(data_dir), os.environ, os.urandom)
    settings = load(LedgerSettings, {**os.environ, **secrets.as_environ()})
    logging.configure(settings, role="migrate")
    traces = tracing.Tracing(None)

    async def main(stop: asyncio.Event) -> None:
        health = Health()
        url = settings.database_url
        await wait_for("database", lambda: run_migrations(url), stop, health)
        if settings.kafka_servers:
            async with open_resources(settings, stop, health=health, metrics=Metrics(), tracing=traces):
                return

    run_until_signalled(main)
    typer.echo("The tables are up to date.")


def _demo_environ(data_dir: Path) -> dict[str, str]:
    http, stubs = free_ports(2)
    return {
        "BATON_DATA_DIR": str(data_dir),
        "BATON_EGRESS_ALLOW": _LOOPBACK,
        "BATON_HTTP_PORT": str(http),
        "BATON_STUBS_PORT": str(stubs),
        "BATON_LOG_LEVEL": os.environ.get("BATON_LOG_LEVEL") or "error",
    }


def _present(environ: os._Environ[str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}

"""What `baton serve` and `migrate` do. Imported by them alone: it brings in what every role stands on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module

from services.cli.roles import Part, Role
from shared import secrets_file
from shared.clock import SystemClock
from shared.observability import logging, tracing
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.settings import (
    CommonSettings,
    EnricherSettings,
    GatewaySettings,
    LedgerSettings,
    RouterSettings,
    ScorerSettings,
    StatefulSettings,
    StubsSettings,
    load,
)
from shared.storage.migrate import migrate as run_migrations
from shared.web.ops import Health, OpsServer
from shared.worker import failpoints
from shared.worker.process import open_resources, run_until_signalled, wait_for, watch

_SETTINGS: Mapping[Role, type[StatefulSettings]] = {
    Role.GATEWAY: GatewaySettings,
    Role.ENRICHER: EnricherSettings,
    Role.SCORER: ScorerSettings,
    Role.ROUTER: RouterSettings,
    Role.LEDGER: LedgerSettings,
}


def serve(role: Role, only: Part | None) -> None:
    """Run one role until a signal."""
    if role is Role.PROVIDER_STUBS:
        _serve_stubs()
        return
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.require(data_dir, os.environ)
    settings = load(_SETTINGS[role], {**os.environ, **secrets.as_environ()})
    logging.configure(settings, role=role)
    traces = tracing.configure(role, os.environ)
    run = import_module(f"services.{role}.bootstrap").run
    if only is not None:
        run = partial(run, only=only.value)

    async def main(stop: asyncio.Event) -> None:
        health, metrics = Health(awaited=_awaited(role, only)), Metrics()
        ops = OpsServer(health, metrics, settings)
        failpoint = failpoints.from_environ(os.environ)
        await ops.start()
        try:
            async with open_resources(
                settings, stop, health=health, metrics=metrics, tracing=traces, failpoint=failpoint
            ) as resources:
                if resources is None:
                    return
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(watch(resources, stop))
                    tasks.create_task(run(resources, stop, settings))
        finally:
            await ops.stop()

    run_until_signalled(main)
    traces.stop()


def _awaited(role: Role, only: Part | None) -> tuple[str, ...]:
    """Return the checks without which a role is not ready, though nothing has gone wrong so far."""
    if role is Role.GATEWAY:
        parts: tuple[str, ...] = ("gateway",)
    elif role is Role.ROUTER:
        halves = {Part.DECIDE: "router.stream", Part.DELIVER: "router-deliver.stream"}
        parts = tuple(halves.values()) if only is None else (halves[only],)
    else:
        parts = (f"{role}.stream",)
    return ("database", "stream", *parts)


def migrate() -> None:
    """Bring the tables up to date, make missing topics and secrets; waits for a database that is away."""
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.ensure(data_dir, os.environ, os.urandom)
    settings = load(LedgerSettings, {**os.environ, **secrets.as_environ()})
    logging.configure(settings, role="migrate")

    async def main(stop: asyncio.Event) -> None:
        health = Health()
        await wait_for("database", lambda: run_migrations(settings.database_url), stop, health)
        if settings.kafka_servers:
            async with open_resources(
                settings, stop, health=health, metrics=Metrics(), tracing=Tracing(None)
            ):
                return

    run_until_signalled(main)


def _serve_stubs() -> None:
    from services.provider_stubs import bootstrap

    settings = load(StubsSettings, os.environ)
    logging.configure(settings, role=Role.PROVIDER_STUBS)

    async def main(stop: asyncio.Event) -> None:
        ops = OpsServer(Health(), Metrics(), settings)
        await ops.start()
        try:
            await bootstrap.run(SystemClock(settings.clock_file), stop, settings)
        finally:
            await ops.stop()

    run_until_signalled(main)

"""Implementation of `baton serve` and `migrate`; imported only when they run, because the import is slow."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path

import structlog

from services.cli.roles import Role, RouterHalf
from shared import secrets_file
from shared.clock import SystemClock
from shared.errors import Retry
from shared.health import Health
from shared.integrations.catalog import load_integrations
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
    SettingsError,
    StatefulSettings,
    StubsSettings,
    load,
)
from shared.storage.migrate import migrate
from shared.web.ops import OpsServer
from shared.worker import failpoints
from shared.worker.process import open_resources, run_until_signalled, wait_for, watch

log = structlog.get_logger()

_SETTINGS: Mapping[Role, type[StatefulSettings]] = {
    Role.GATEWAY: GatewaySettings,
    Role.ENRICHER: EnricherSettings,
    Role.SCORER: ScorerSettings,
    Role.ROUTER: RouterSettings,
    Role.LEDGER: LedgerSettings,
}


def serve_role(role: Role, only: RouterHalf | None) -> None:
    """Run one role until a signal."""
    if role is Role.PROVIDER_STUBS:
        _serve_stubs()
        return
    common = load(CommonSettings, os.environ)
    if not common.await_secrets:
        _load_with_secrets(
            role, common.data_dir
        )  # what is missing or wrong ends the process before it serves
    logging.configure(common, role=role)
    traces = tracing.configure(role, os.environ)
    run = import_module(f"services.{role}.bootstrap").run
    if only is not None:
        run = partial(run, only=only.value)

    async def main(stop: asyncio.Event) -> None:
        health, metrics = Health(awaited=readiness_checks(role, only)), Metrics()
        ops = OpsServer(health, metrics, common)
        failpoint = failpoints.from_environ(os.environ)
        await ops.start()
        try:
            if not await wait_for("secrets", lambda: check_secrets(role, common.data_dir), stop, health):
                return
            settings = _load_with_secrets(role, common.data_dir)
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


def _load_with_secrets(role: Role, data_dir: Path) -> StatefulSettings:
    """Return the settings of a role. Raises `SettingsError`, also for secrets that are nowhere."""
    secrets = secrets_file.require(data_dir, os.environ, secrets_of(role))
    return load(_SETTINGS[role], {**os.environ, **secrets})


def secrets_of(role: Role) -> tuple[str, ...]:
    """Return the names of the secrets that a role needs: only the gateway knows the administrator's key."""
    if role is Role.GATEWAY:
        return (secrets_file.ADMIN_KEY, secrets_file.SECRET_KEY)
    return (secrets_file.SECRET_KEY,)


async def check_secrets(role: Role, data_dir: Path) -> None:
    """Raise `Retry` while `baton migrate` has not written the secrets of a role."""
    try:
        secrets_file.require(data_dir, os.environ, secrets_of(role))
    except SettingsError as missing:
        raise Retry(f"{missing}; `baton migrate` writes them") from missing


def readiness_checks(role: Role, only: RouterHalf | None) -> tuple[str, ...]:
    """Return the names of the readiness checks that have to succeed once before a role is ready."""
    if role is Role.GATEWAY:
        checks: tuple[str, ...] = ("gateway",)
    elif role is Role.ROUTER:
        halves = {RouterHalf.DECIDE: "router.stream", RouterHalf.DELIVER: "router-deliver.stream"}
        checks = tuple(halves.values()) if only is None else (halves[only],)
    else:
        checks = (f"{role}.stream",)
    return ("database", "stream", *checks)


def migrate_tables(role_secrets: Path | None) -> None:
    """Migrate the database and create missing topics and secrets; wait for an unreachable database.

    `role_secrets` is a folder for the secret that roles other than the gateway need.
    """
    data_dir = load(CommonSettings, os.environ).data_dir
    secrets = secrets_file.ensure(data_dir, os.environ, os.urandom)
    if role_secrets is not None:
        secrets_file.share_secret_key(data_dir, role_secrets)
    settings = load(LedgerSettings, {**os.environ, **secrets.as_environ()})
    logging.configure(settings, role="migrate")

    async def main(stop: asyncio.Event) -> None:
        health = Health()
        await wait_for("database", lambda: migrate(settings.database_url), stop, health)
        if settings.kafka_servers:
            async with open_resources(
                settings, stop, health=health, metrics=Metrics(), tracing=Tracing(None)
            ):
                pass
        if not stop.is_set():
            log.info("tables, topics and secrets are up to date")

    run_until_signalled(main)


def _serve_stubs() -> None:
    from services.provider_stubs import bootstrap

    settings = load(StubsSettings, os.environ)
    logging.configure(settings, role=Role.PROVIDER_STUBS)

    async def main(stop: asyncio.Event) -> None:
        ops = OpsServer(Health(), Metrics(), settings)
        await ops.start()
        try:
            integrations = load_integrations(settings.policy_dir)
            await bootstrap.run(SystemClock(settings.clock_file), stop, settings, integrations)
        finally:
            await ops.stop()

    run_until_signalled(main)

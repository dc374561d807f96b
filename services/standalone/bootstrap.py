"""All roles and the provider stubs in one process, on one database and one stream (`baton up`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.enricher import bootstrap as enricher
from services.gateway import bootstrap as gateway
from services.ledger import bootstrap as ledger
from services.provider_stubs import bootstrap as provider_stubs
from services.router import bootstrap as router
from services.scorer import bootstrap as scorer
from shared.health import Health
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.readiness import Readiness
from shared.settings import StandaloneSettings
from shared.storage.migrate import migrate
from shared.worker.process import open_resources, watch
from shared.worker.unit_of_work import Failpoint

Ready = Callable[[asyncio.Event, Readiness], Awaitable[None]]
"""Called once every role is ready, e.g. to run the demo, with the event that stops the process."""

_READINESS_CHECKS = (
    "database",
    "stream",
    "gateway",
    *(f"{role}.stream" for role in ("enricher", "scorer", "router", "router-deliver", "ledger")),
)


async def run(
    settings: StandaloneSettings,
    stop: asyncio.Event,
    *,
    tracing: Tracing,
    ready: Ready,
    failpoint: Failpoint = lambda _name: None,
) -> None:
    """Migrate the database, then run every role until `stop`; call `ready` once all are ready."""
    health, metrics = Health(awaited=_READINESS_CHECKS), Metrics()
    await migrate(settings.database_url)
    async with open_resources(
        settings, stop, health=health, metrics=metrics, tracing=tracing, failpoint=failpoint, alone=True
    ) as resources:
        if resources is None:
            return
        async with asyncio.TaskGroup() as roles:
            roles.create_task(watch(resources, stop))
            roles.create_task(provider_stubs.run(resources.clock, stop, settings, resources.integrations))
            for role in (enricher, scorer, router, ledger):
                roles.create_task(role.run(resources, stop, settings))
            roles.create_task(gateway.run(resources, stop, settings))
            roles.create_task(call_when_ready(health, ready, stop))


async def call_when_ready(health: Health, ready: Ready, stop: asyncio.Event) -> None:
    """Await `ready` once every readiness check passes, or return without it at `stop`."""
    while not stop.is_set() and not health.readiness().ready:  # noqa: ASYNC110 - readiness depends on many tasks
        await asyncio.sleep(0.05)
    if not stop.is_set():
        await ready(stop, health.readiness())

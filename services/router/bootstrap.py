"""Puts the router together: the half that decides, and the half that delivers."""

from __future__ import annotations

import asyncio
from typing import Literal

from services.router.adapters.standing import stand_up
from services.router.adapters.store import RouterStore
from services.router.domain.plan import builtin_plan
from services.router.handlers import RouterHandler, drain_timer
from shared.runtime.role import Resources, Worker, run_worker
from shared.settings import RouterSettings

Half = Literal["decide", "deliver"]


async def run(
    resources: Resources, stop: asyncio.Event, settings: RouterSettings, only: Half | None = None
) -> None:
    """Route and deliver, or do one half only, until `stop`."""
    del settings
    async with asyncio.TaskGroup() as halves:
        if only != "deliver":
            halves.create_task(_decide(resources, stop))


async def _decide(resources: Resources, stop: asyncio.Event) -> None:
    plan = builtin_plan()
    await stand_up(resources.database, plan, drain_timer(resources.clock.now()))
    handler = RouterHandler(plan, resources.tombstone_of)
    await run_worker(resources, Worker(handler, RouterStore(plan.queues), timers=True), stop)

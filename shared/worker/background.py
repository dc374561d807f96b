"""What a role does besides reading: timers that fall due, the sweep of its outbox, old claims, gauges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy import delete

from shared.clock import Clock
from shared.errors import Retry
from shared.messaging.port import Sink
from shared.observability.metrics import Metrics
from shared.storage.database import Database
from shared.web.ops import Health
from shared.worker.handler import Handler
from shared.worker.outbox import Outbox
from shared.worker.tables import inputs
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Work

log = structlog.get_logger()

_AWAY_S = 2.0
_AT_ONCE = 200


async def repeat(
    name: str, step: Callable[[], Awaitable[bool]], *, every_s: float, stop: asyncio.Event, health: Health
) -> None:
    """Call `step` until `stop`: at once again while it returns True (there is more), else after `every_s`.

    What is away (`Retry`) is told in readiness and waited for; any other error ends the process.
    """
    while not stop.is_set():
        wait_s = every_s
        try:
            if await step():
                wait_s = 0.0
            health.set(name, ok=True, detail="")
        except Retry as error:
            health.set(name, ok=False, detail=str(error))
            log.warning("waiting", what=name, reason=str(error))
            wait_s = _AWAY_S
        await pause(stop, wait_s)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake at once when it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def timer_step(
    timers: Timers, handler: Handler, work: Work, sink: Sink, outbox: Outbox, *, metrics: Metrics
) -> Callable[[], Awaitable[bool]]:
    """Return the step that prepares and decides what is due: True when there may be more."""

    async def step() -> bool:
        events = await timers.take(_AT_ONCE)
        if events:
            for event in events:
                metrics.timers_fired.labels(event.data.role, event.data.kind).inc()
            prepared = await asyncio.gather(*map(handler.prepare, events))
            result = await work.run(prepared)
            await (await sink.send(result.outgoing))
            await outbox.forget(result.outbox_ids)
            for event, error in result.rejected:
                log.error(
                    "timer cannot be decided", subject=event.subject, kind=error.kind, reason=str(error)
                )
        return len(events) == _AT_ONCE

    return step


def prune_step(role: str, database: Database, clock: Clock, keep: timedelta) -> Callable[[], Awaitable[bool]]:
    """Return the step that forgets a role's claims of inputs that the topics do not hold any more."""

    async def step() -> bool:
        old = delete(inputs).where(inputs.c.role == role, inputs.c.at < clock.now() - keep)
        async with database.begin() as tx:
            await tx.execute(old)
        return False

    return step


def measure_step(
    role: str, outbox: Outbox, timers: Timers, metrics: Metrics
) -> Callable[[], Awaitable[bool]]:
    """Return the step that shows what waits in the outbox, and which timers wait to be taken."""

    async def step() -> bool:
        rows, oldest_s = await outbox.waiting()
        metrics.outbox_rows.labels(role).set(rows)
        metrics.outbox_oldest_seconds.labels(role).set(oldest_s)
        metrics.timers_due.labels(role).set(await timers.due())
        return False

    return step


def sweep_step(outbox: Outbox, older_than: timedelta) -> Callable[[], Awaitable[bool]]:
    """Return the step that publishes what was left in the outbox."""

    async def step() -> bool:
        swept = await outbox.sweep(older_than)
        if swept:
            log.info("swept the outbox", records=swept)
        return False

    return step

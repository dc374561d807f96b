"""The periodic work of a role: firing timers, sweeping the outbox, pruning claims, setting gauges.

A step is an async function that does one round and returns True when there may be more to do at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy import delete

from shared.clock import Clock
from shared.lead.events.envelope import Event
from shared.messaging.port import Sink
from shared.observability.metrics import Metrics
from shared.storage.database import Database
from shared.worker.handler import Handler
from shared.worker.outbox import Outbox
from shared.worker.tables import erased_mentions, inputs
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Work, rejection_of

log = structlog.get_logger()


def timer_step(
    timers: Timers,
    handler: Handler,
    work: Work,
    sink: Sink,
    outbox: Outbox,
    *,
    metrics: Metrics,
    at_once: int,
) -> Callable[[], Awaitable[bool]]:
    """Return the step that decides timers that are due, at most `at_once`."""

    async def step() -> bool:
        events = await timers.lease_due(at_once)
        if events:
            for event in events:
                metrics.timers_fired.labels(event.data.role, event.data.kind).inc()
            prepared = await asyncio.gather(*map(handler.prepare, events), return_exceptions=True)
            result = await work.run([event for event in prepared if isinstance(event, Event)])
            result.rejected += [
                (event, rejection_of(error))
                for event, error in zip(events, prepared, strict=True)
                if isinstance(error, Exception)
            ]
            await (await sink.send(result.outgoing))
            await outbox.delete(result.outbox_ids)
            for event, error in result.rejected:
                log.error("timer rejected", subject=event.subject, kind=error.kind, reason=str(error))
        return len(events) == at_once

    return step


def prune_step(role: str, database: Database, clock: Clock, keep: timedelta) -> Callable[[], Awaitable[bool]]:
    """Return the step that deletes a role's claims, and what names erased people, older than `keep`.

    `keep` is longer than the retention of the topics, so no claimed record can be read again, and none that
    names people who were erased before.
    """

    async def step() -> bool:
        before = clock.now() - keep
        async with database.begin() as tx:
            for table in (inputs, erased_mentions):
                await tx.execute(delete(table).where(table.c.role == role, table.c.at < before))
        return False

    return step


def truncate_step(database: Database) -> Callable[[], Awaitable[bool]]:
    """Return the step that empties the log of the database for a while after an erasure."""

    async def step() -> bool:
        await database.truncate_pending_log()
        return False

    return step


def measure_step(
    role: str, outbox: Outbox, timers: Timers, metrics: Metrics
) -> Callable[[], Awaitable[bool]]:
    """Return the step that sets the gauges of the outbox and of the due timers."""

    async def step() -> bool:
        rows, oldest_s = await outbox.backlog()
        metrics.outbox_rows.labels(role).set(rows)
        metrics.outbox_oldest_seconds.labels(role).set(oldest_s)
        metrics.timers_due.labels(role).set(await timers.count_due())
        return False

    return step


def sweep_step(outbox: Outbox, older_than: timedelta) -> Callable[[], Awaitable[bool]]:
    """Return the step that publishes outbox rows older than `older_than`."""

    async def step() -> bool:
        swept = await outbox.sweep(older_than)
        if swept:
            log.info("swept the outbox", records=swept)
        return False

    return step

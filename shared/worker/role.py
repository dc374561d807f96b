"""What every role stands on, and how a role that reads topics is put together.

A service's `bootstrap.run(resources, stop)` builds its parts from `Resources` and works until `stop`.
`standalone` hands the same resources to every role of one process.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.clock import Clock
from shared.lead.events.envelope import Event
from shared.messaging.manifest import topics_read_by
from shared.messaging.port import Sink, Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.versions import PolicyWatch
from shared.storage.database import Database
from shared.web.ops import Health
from shared.worker.background import measure_step, prune_step, repeat, sweep_step, timer_step
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import ConsumerDeps, ConsumerLimits, ConsumerLoop
from shared.worker.dead_letters import DeadLetters
from shared.worker.handler import Handler, Store
from shared.worker.outbox import Outbox
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Failpoint, UnitOfWork

_PRUNE_EVERY_S = 3_600.0
_MEASURE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process has one of. `secret` keys hashes and cookies; it never leaves the process."""

    clock: Clock
    database: Database
    stream: Stream
    policy: PolicyWatch
    health: Health
    metrics: Metrics
    tracing: Tracing
    secret: bytes
    partitions: int
    limits: ConsumerLimits = field(default_factory=ConsumerLimits)
    dead_letter_window: int = 1_000
    dead_letter_share_max: int = 50
    claims_kept: timedelta = timedelta(days=8)
    sweep_after: timedelta = timedelta(seconds=30)
    failpoint: Failpoint = field(default=lambda _name: None)

    def tombstone_of(self, subject: str) -> str:
        """Return the keyed hash under which an erased lead is remembered."""
        return hmac.digest(self.secret, subject.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Worker:
    """A role that reads topics: with `order_key` in a window (it waits for others), else in batches."""

    handler: Handler
    store: Store
    order_key: Callable[[Event[Any]], str] | None = None
    timers: bool = False
    timers_every_s: float = 0.5
    topics: Sequence[str] = ()


async def run_worker(resources: Resources, worker: Worker, stop: asyncio.Event) -> None:
    """Run the role until `stop`. Raises what must end the process."""
    role = worker.handler.role
    sink = await resources.stream.sink()
    try:
        outbox = Outbox(role, resources.database, sink, resources.clock, partitions=resources.partitions)
        work = UnitOfWork(
            worker.handler,
            worker.store,
            resources.database,
            outbox,
            resources.clock,
            tombstone_of=resources.tombstone_of,
            failpoint=resources.failpoint,
        )
        parts = ConsumerDeps(
            role=role,
            topics=worker.topics or tuple(topic.name for topic in topics_read_by(role)),
            stream=resources.stream,
            sink=sink,
            work=work,
            dead_letters=DeadLetters(
                role,
                sink,
                resources.clock,
                window=resources.dead_letter_window,
                share_max_percent=resources.dead_letter_share_max,
            ),
            health=resources.health,
            metrics=resources.metrics,
            tracing=resources.tracing,
            outbox=outbox,
            limits=resources.limits,
            failpoint=resources.failpoint,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_drive(parts, worker).run(stop))
            for name, (step, every_s) in _background(resources, worker, outbox, work, sink).items():
                tasks.create_task(
                    repeat(f"{role}.{name}", step, every_s=every_s, stop=stop, health=resources.health)
                )
    finally:
        await sink.close()


def _background(
    resources: Resources, worker: Worker, outbox: Outbox, work: UnitOfWork, sink: Sink
) -> dict[str, tuple[Callable[[], Awaitable[bool]], float]]:
    """Return what the role does besides reading: a step, and how many seconds lie between two."""
    role, database, clock = worker.handler.role, resources.database, resources.clock
    timers = Timers(role, database, clock)
    steps = {
        "outbox": (sweep_step(outbox, resources.sweep_after), resources.sweep_after.total_seconds()),
        "claims": (prune_step(role, database, clock, resources.claims_kept), _PRUNE_EVERY_S),
        "gauges": (measure_step(role, outbox, timers, resources.metrics), _MEASURE_EVERY_S),
    }
    if worker.timers:
        due = timer_step(timers, worker.handler, work, sink, outbox, metrics=resources.metrics)
        steps["timers"] = (due, worker.timers_every_s)
    return steps


def _drive(parts: ConsumerDeps, worker: Worker) -> ConsumerLoop:
    if worker.order_key is None:
        return BatchConsumer(parts)
    return ConcurrentConsumer(parts, worker.handler, worker.order_key)

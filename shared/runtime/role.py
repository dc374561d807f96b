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
from shared.events.envelope import Event
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.store import PolicyWatch
from shared.runtime.background import measure_step, prune_step, repeat, sweep_step, timer_step
from shared.runtime.batch import BatchDrive
from shared.runtime.dead_letters import DeadLetters
from shared.runtime.drive import Drive, Limits, Parts
from shared.runtime.handler import Handler, Store
from shared.runtime.ops import Health
from shared.runtime.outbox import Outbox
from shared.runtime.timers import Timers
from shared.runtime.unit_of_work import Failpoint, UnitOfWork
from shared.runtime.window import WindowDrive
from shared.sql.engine import Database
from shared.stream.manifest import topics_read_by
from shared.stream.port import Sink, Stream

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
    limits: Limits = field(default_factory=Limits)
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
        parts = Parts(
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


def _drive(parts: Parts, worker: Worker) -> Drive:
    if worker.order_key is None:
        return BatchDrive(parts)
    return WindowDrive(parts, worker.handler, worker.order_key)

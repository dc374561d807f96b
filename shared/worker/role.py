"""The resources that all roles of a process share, and the assembly of a role that consumes topics.

The `bootstrap.run(resources, stop)` of a service builds its role from `Resources` and runs it until `stop`.
The standalone service passes the same resources to every role of its process.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement

from shared.clock import Clock
from shared.health import Health
from shared.integrations.catalog import Integrations, built_in_integrations
from shared.lead.events.envelope import Event
from shared.messaging.manifest import topics_read_by
from shared.messaging.port import Record, Sink, Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.versions import PolicyWatch
from shared.resilience.periodic import repeat
from shared.storage.database import Database
from shared.storage.write_activity import WriteActivity
from shared.worker.background import measure_step, prune_step, sweep_step, timer_step, truncate_step
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import ConsumerDeps, ConsumerLimits, ConsumerLoop
from shared.worker.dead_letters import DeadLetters
from shared.worker.handler import Handler, Store
from shared.worker.outbox import Outbox
from shared.worker.partition_breaker import PartitionBreaker
from shared.worker.tables import timers
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Failpoint, UnitOfWork

_PRUNE_EVERY_S = 3_600.0
_MEASURE_EVERY_S = 5.0
_TRUNCATE_EVERY_S = 2.0
_SLOW_AT_ONCE = 4
_SLOW_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Resources:
    """One of each per process. `secret` is the key of hashes and cookies; it never leaves the process.

    `activity` is there when no other process writes to the database: loops that look for work rest by it.
    """

    clock: Clock
    database: Database
    stream: Stream
    policy: PolicyWatch
    health: Health
    metrics: Metrics
    tracing: Tracing
    secret: bytes
    partitions: int
    integrations: Integrations = field(default_factory=built_in_integrations)
    limits: ConsumerLimits = field(default_factory=ConsumerLimits)
    dead_letter_window: int = 1_000
    dead_letter_share_max: int = 50
    dead_letter_probe_s: float = 5.0
    claims_kept: timedelta = timedelta(days=8)
    sweep_after: timedelta = timedelta(seconds=30)
    failpoint: Failpoint = field(default=lambda _name: None)
    activity: WriteActivity | None = None

    def keyed_hash(self, text: str) -> str:
        """Return the HMAC-SHA-256 of a lead id or other text, in hex: stored where the text must not be."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()

    async def repeat(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        *,
        every_s: float,
        stop: asyncio.Event,
        of_timers: Timers | None = None,
        due_within: Callable[[float], Awaitable[float]] | None = None,
    ) -> None:
        """Call `step` until `stop`, as `periodic.repeat` does, and less often while nothing is written.

        A step `of_timers` waits for these timers only.
        """
        activity = self.activity
        if activity is not None and of_timers is not None:
            activity, due_within = self.database.activity_in(timers), of_timers.due_within
        await repeat(
            name,
            step,
            every_s=every_s,
            stop=stop,
            health=self.health,
            activity=activity,
            due_within=due_within,
        )


@dataclass(frozen=True, slots=True)
class Worker:
    """A role that consumes topics.

    With `order_key` its records are processed concurrently, in order per key (for a role that waits for other
    systems), without it in batches. `topics` defaults to those that the manifest lists for the role. Timers
    of the kinds `slow_timers` wait for other systems: they have a loop of their own and hold up no other.
    On PostgreSQL `units_at_once` batches are decided at once, for a role whose units wait for the database
    and not for each other, and a batch that waits grows to `polls_in_batch` full polls.
    """

    handler: Handler
    store: Store
    order_key: Callable[[Event[Any]], str] | None = None
    timers: bool = False
    timers_every_s: float = 0.5
    timers_at_once: int = 200
    timers_first: Sequence[ColumnElement[bool]] = ()
    slow_timers: frozenset[str] = frozenset()
    topics: Sequence[str] = ()
    units_at_once: int = 1
    polls_in_batch: int = 1
    is_needed: Callable[[Record], bool] = lambda _record: True


async def run_worker(resources: Resources, worker: Worker, stop: asyncio.Event) -> None:
    """Run the role until `stop`. Raises errors that must end the process."""
    role = worker.handler.role
    limits = resources.limits
    if resources.database.dialect == "postgresql":
        limits = replace(limits, units_at_once=worker.units_at_once, polls_in_batch=worker.polls_in_batch)
    sink = await resources.stream.sink()
    try:
        outbox = Outbox(role, resources.database, sink, resources.clock, partitions=resources.partitions)
        work = UnitOfWork(
            worker.handler,
            worker.store,
            resources.database,
            outbox,
            resources.clock,
            keyed_hash=resources.keyed_hash,
            failpoint=resources.failpoint,
        )
        deps = ConsumerDeps(
            role=role,
            topics=worker.topics or tuple(topic.name for topic in topics_read_by(role)),
            stream=resources.stream,
            sink=sink,
            work=work,
            dead_letters=DeadLetters(role, sink, resources.clock),
            breaker=PartitionBreaker(
                window=resources.dead_letter_window,
                share_max_percent=resources.dead_letter_share_max,
                probe_every_s=resources.dead_letter_probe_s,
            ),
            health=resources.health,
            metrics=resources.metrics,
            tracing=resources.tracing,
            outbox=outbox,
            limits=limits,
            failpoint=resources.failpoint,
        )
        async with asyncio.TaskGroup() as tasks:
            consumer: ConsumerLoop = (
                BatchConsumer(deps)
                if worker.order_key is None
                else ConcurrentConsumer(deps, worker.handler, worker.order_key, worker.is_needed)
            )
            tasks.create_task(consumer.run(stop))
            for name, periodic in _background_steps(resources, worker, outbox, work, sink).items():
                tasks.create_task(
                    resources.repeat(
                        f"{role}.{name}",
                        periodic.step,
                        every_s=periodic.every_s,
                        stop=stop,
                        of_timers=periodic.timers,
                    )
                )
    finally:
        await sink.close()


class _Periodic(NamedTuple):
    """A step with its interval in seconds, and the timers that it waits for."""

    step: Callable[[], Awaitable[bool]]
    every_s: float
    timers: Timers | None = None


def _background_steps(
    resources: Resources, worker: Worker, outbox: Outbox, work: UnitOfWork, sink: Sink
) -> dict[str, _Periodic]:
    """Return the periodic steps of the role by name."""
    role, database, clock = worker.handler.role, resources.database, resources.clock
    prompt = Timers(role, database, clock, first=worker.timers_first, without=worker.slow_timers)
    steps = {
        "outbox": _Periodic(sweep_step(outbox, resources.sweep_after), resources.sweep_after.total_seconds()),
        "claims": _Periodic(prune_step(role, database, clock, resources.claims_kept), _PRUNE_EVERY_S),
        "log": _Periodic(truncate_step(database), _TRUNCATE_EVERY_S),
        "gauges": _Periodic(measure_step(role, outbox, prompt, resources.metrics), _MEASURE_EVERY_S),
    }
    loops = {"timers": (prompt, worker.timers_at_once, worker.timers_every_s)} if worker.timers else {}
    if worker.slow_timers:
        slow = Timers(role, database, clock, only=worker.slow_timers)
        loops["slow_timers"] = (slow, _SLOW_AT_ONCE, _SLOW_EVERY_S)
    for name, (due, at_once, every_s) in loops.items():
        step = timer_step(due, worker.handler, work, sink, outbox, metrics=resources.metrics, at_once=at_once)
        steps[name] = _Periodic(step, every_s, due)
    return steps

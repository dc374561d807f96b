"""What the two drives share: reading, publishing in order, committing, and waiting out what is away.

A drive never gives up on `Retry`: it forgets what is in hand, says in readiness what it waits for, and
begins again as after a crash: orphans of the outbox first, then from the committed offsets. So a restart
and a recovery are one path.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from shared.errors import DataError, Retry
from shared.lead.events.envelope import Event, decode
from shared.messaging.port import Ack, Partition, Record, Sink, Source, Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.web.ops import Health
from shared.worker.background import pause
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome
from shared.worker.offset_tracker import OffsetTracker
from shared.worker.outbox import Outbox
from shared.worker.unit_of_work import Failpoint, Result, Work

log = structlog.get_logger()

_WAIT_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_MEASURE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class ConsumerLimits:
    """The bounds of a drive. Counts are of records (`batches_in_flight`: of batches)."""

    batch: int = 500
    batches_in_flight: int = 4
    window: int = 500
    poll_wait_s: float = 0.5
    commit_every_s: float = 0.25
    drain_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ConsumerDeps:
    """What a drive is made of."""

    role: str
    topics: Sequence[str]
    stream: Stream
    sink: Sink
    work: Work
    dead_letters: DeadLetters
    health: Health
    metrics: Metrics
    outbox: Outbox | None = None
    tracing: Tracing = field(default_factory=lambda: Tracing(None))
    limits: ConsumerLimits = ConsumerLimits()
    failpoint: Failpoint = lambda _name: None


class ConsumerLoop(ABC):
    """Reads a role's topics until it is told to stop."""

    def __init__(self, parts: ConsumerDeps) -> None:
        self.parts = parts
        self.progress = OffsetTracker()
        self.stop = asyncio.Event()
        self.gate = asyncio.Lock()
        self._broken = False
        self._source: Source

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then finish what is in hand, commit, and leave the group.

        Raises only what must end the process: `Crash` and bugs.
        """
        self.stop = stop
        now = asyncio.get_running_loop().time
        failures = 0
        while not stop.is_set():
            began = now()
            try:
                await self._session()
            except Retry as error:
                if now() - began > _WAIT_S[-1] * 2:
                    failures = 0
                self._tell(ok=False, detail=str(error))
                self.parts.metrics.retries.labels(self.parts.role, type(error).__name__).inc()
                log.warning("waiting", role=self.parts.role, reason=str(error))
                await pause(stop, _WAIT_S[min(failures, len(_WAIT_S) - 1)])
                failures += 1

    async def _session(self) -> None:
        """Join the group, work, leave. Ends at `stop` or with the first error of any of its tasks."""
        self.progress = OffsetTracker()
        self._broken = False
        self.reset()
        self._source = await self.parts.stream.source(self.parts.role, self.parts.topics, self._revoking)
        try:
            async with asyncio.TaskGroup() as tasks:
                finished = asyncio.Event()
                tasks.create_task(asked_for(self._commit_until(finished)))
                tasks.create_task(asked_for(self._measure_until(finished)))
                await asked_for(self._read(tasks))
                await self._finish()
                finished.set()
        except BaseExceptionGroup as group:
            raise cause_of(group) from group
        finally:
            # What is still in flight was cancelled: nobody shall wait for it while we leave.
            self.progress.drop()
            with contextlib.suppress(Retry):
                await self._source.close()

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        limits = self.parts.limits
        while not self.stop.is_set():
            batch = await self._source.poll(limits.batch, limits.poll_wait_s)
            self._tell(ok=True, detail="")
            if batch.gained:
                self.progress.gain(batch.gained)
                if self.parts.outbox is not None:
                    await self.parts.outbox.publish_orphans({each.number for each in batch.gained})
            if batch.records:
                await self.take(tasks, batch.records)

    async def _finish(self) -> None:
        """Let what is in hand come to its end, but not for ever; the rest is read again at the next start."""
        await self._quiet(self.progress.busy)
        if self.progress.busy():
            raise Retry("not everything in hand was finished in time")

    @abstractmethod
    def reset(self) -> None:
        """Forget all that was in flight: a new session begins."""

    @abstractmethod
    async def take(self, tasks: asyncio.TaskGroup, records: Sequence[Record]) -> None:
        """Begin to work on these records; wait while too much is in flight.

        Records of a partition that was lost in the meantime, or that are not begun at `stop`, are left.
        """

    def decoded(
        self, records: Sequence[Record]
    ) -> tuple[list[tuple[Record, Event[Any]]], list[tuple[Record, DataError]]]:
        """Split records into those that are events and those that cannot be."""
        good: list[tuple[Record, Event[Any]]] = []
        bad: list[tuple[Record, DataError]] = []
        for record in records:
            try:
                good.append((record, decode(record)))
            except DataError as error:
                bad.append((record, error))
        return good, bad

    async def perform(self, events: Sequence[Event[Any]]) -> tuple[Result, Ack]:
        """Run one unit of work and put its records in line. Call it with `gate` held, for one order."""
        if self._broken:  # whoever waited for the gate is woken before it can be cancelled
            raise Retry("the unit of work before this one failed")
        began, began_ns = time.perf_counter(), time.time_ns()
        self._broken = True
        result = await self.parts.work.run(events)
        ack = await self.parts.sink.send(result.outgoing)
        self._broken = False
        self.parts.metrics.batch_seconds.labels(self.parts.role).observe(time.perf_counter() - began)
        if self.parts.tracing.on:
            for event, outcome in result.outcomes:
                self._trace(event, outcome, began_ns)
        return result, ack

    async def settle(
        self,
        records: Sequence[Record],
        result: Result,
        ack: Ack,
        rejected: Sequence[tuple[Record, DataError]],
    ) -> None:
        """Wait until everything is published, the dead letters too, and count what became of the records."""
        await ack
        self.parts.failpoint("after_publish")
        if rejected:
            await self.parts.dead_letters.publish(rejected)
        self.parts.dead_letters.count(len(records), len(rejected))
        self._count(result, rejected)

    async def _commit_until(self, finished: asyncio.Event) -> None:
        while not finished.is_set():
            await pause(finished, self.parts.limits.commit_every_s)
            await self._commit()

    async def _measure_until(self, finished: asyncio.Event) -> None:
        while not finished.is_set():
            with contextlib.suppress(Retry):  # a gauge is no reason to begin again
                for (topic, number), records in (await self._source.lag()).items():
                    self.parts.metrics.consumer_lag.labels(self.parts.role, topic, str(number)).set(records)
            await pause(finished, _MEASURE_EVERY_S)

    async def _commit(self) -> None:
        """Only one task calls this: an older commit must not land after a newer one."""
        published = self.progress.take_published()
        if published and self.parts.outbox is not None:
            await self.parts.outbox.forget(published)
        upto = self.progress.committable()
        if upto:
            self.parts.failpoint("before_offset_commit")
            await self._source.commit(upto)
            self.progress.committed(upto)

    async def _revoking(self, partitions: frozenset[Partition]) -> None:
        """Finish what is in hand of these partitions while they are still ours, then let go of them."""
        self.progress.lose(partitions)
        try:
            await self._quiet(lambda: self.progress.in_hand(partitions))
        finally:
            self.progress.drop(partitions)

    async def _quiet(self, busy: Callable[[], bool]) -> None:
        now = asyncio.get_running_loop().time
        deadline = now() + self.parts.limits.drain_s
        while busy() and now() < deadline:  # noqa: ASYNC110 - a condition over many tasks
            await asyncio.sleep(0.01)

    def _trace(self, event: Event[Any], outcome: Outcome, began_ns: int) -> None:
        said = {"baton.lead": event.subject, "baton.event": event.id, "baton.outcome": outcome.value}
        name = f"{self.parts.role} {event.type}"
        self.parts.tracing.record(name, event.traceparent, began_ns, **said)

    def _count(self, result: Result, rejected: Sequence[tuple[Record, DataError]]) -> None:
        metrics, role = self.parts.metrics, self.parts.role
        for (type_name, outcome), records in Counter(
            (event.type, outcome) for event, outcome in result.outcomes
        ).items():
            metrics.records.labels(role, type_name, outcome).inc(records)
        for record, error in rejected:
            metrics.records.labels(role, record.topic, Outcome.DEAD_LETTERED).inc()
            if self.parts.dead_letters.keeps(record):
                metrics.dead_letters.labels(role, record.topic, error.kind).inc()
            log.warning(
                "set aside",
                role=role,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                kind=error.kind,
                reason=str(error)[:300],
            )

    def _tell(self, *, ok: bool, detail: str) -> None:
        self.parts.health.set(f"{self.parts.role}.stream", ok, detail)


async def asked_for(work: Coroutine[Any, Any, None]) -> None:
    """Do the work; a cancellation that nobody asked for, such as a library's own, is `Retry`.

    A task group takes a cancelled task for one that has ended well.
    """
    try:
        await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Retry("the work was cancelled by what it called") from None


def cause_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what a group of errors comes down to: what will not pass, if there is such, else a `Retry`."""
    passing, lasting = group.split(Retry)
    rest = lasting or passing
    error: BaseException = group if rest is None else rest
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

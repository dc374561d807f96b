"""The consume loop that both consumers share: poll, decide, publish in order, commit offsets, recover.

On `Retry` (a database or broker is not reachable) the loop drops what is in flight, reports in readiness
what it waits for, and starts a new session as after a crash: it publishes what is left in the outbox, then
reads from the committed offsets. Restart and recovery are the same code, so recovery is exercised at every
start. It retries for ever, with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from shared.errors import DataError, Retry
from shared.lead.events.envelope import Event, decode
from shared.messaging.manifest import MIB
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import Ack, Partition, Record, Sink, Source, Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.resilience.byte_budget import ByteBudget
from shared.resilience.periodic import pause
from shared.web.ops import Health
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome
from shared.worker.offset_tracker import OffsetTracker
from shared.worker.outbox import Outbox
from shared.worker.partition_breaker import PartitionBreaker, Processed
from shared.worker.unit_of_work import BUG, Failpoint, Result, Work, rejection_of

log = structlog.get_logger()

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_MEASURE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class ConsumerLimits:
    """The bounds of a consumer.

    `batch` is the most records of one poll. `batches_in_flight` bounds a `BatchConsumer`,
    `records_in_flight` a `ConcurrentConsumer`; what is in flight has at most `bytes_in_flight`
    bytes, or a single record more. `drain_s` is how long a stop or a rebalance waits for what is
    in flight.
    """

    batch: int = 500
    batches_in_flight: int = 4
    records_in_flight: int = 500
    bytes_in_flight: int = 16 * MIB
    poll_wait_s: float = 0.5
    commit_every_s: float = 0.25
    drain_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ConsumerDeps:
    """What a consumer works with. `outbox` is None for a role that stores nothing."""

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
    breaker: PartitionBreaker = field(default_factory=PartitionBreaker)


class ConsumerLoop(ABC):
    """Consumes a role's topics until `stop` is set. Subclasses decide what is in flight at once."""

    def __init__(self, deps: ConsumerDeps) -> None:
        self.deps = deps
        self.offsets = OffsetTracker()
        self.stop = asyncio.Event()
        self.unit_lock = asyncio.Lock()
        self.budget = ByteBudget(deps.limits.bytes_in_flight)
        self._unit_failed = False
        self._reported_paused: frozenset[Partition] = frozenset()
        self._source: Source

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; then finish what is in flight, commit, and leave the group.

        Raises only errors that must end the process: `Crash` and bugs.
        """
        self.stop = stop
        now = asyncio.get_running_loop().time
        failures = 0
        while not stop.is_set():
            began = now()
            try:
                await self._session()
            except Retry as error:
                if now() - began > _BACKOFF_S[-1] * 2:
                    failures = 0
                self._report(ok=False, detail=str(error))
                self.deps.metrics.retries.labels(self.deps.role, type(error).__name__).inc()
                log.warning("waiting", role=self.deps.role, reason=str(error))
                await pause(stop, _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1

    async def _session(self) -> None:
        """Join the group, consume, leave. Ends at `stop` or with the first error of any of its tasks."""
        self.offsets = OffsetTracker()
        self._unit_failed = False
        self.deps.breaker.forget_probes()
        self.budget = ByteBudget(self.deps.limits.bytes_in_flight)
        self.reset()
        self._source = await self.deps.stream.source(self.deps.role, self.deps.topics, self._on_revoke)
        try:
            async with asyncio.TaskGroup() as tasks:
                finished = asyncio.Event()
                tasks.create_task(cancellation_as_retry(self._commit_until(finished)))
                tasks.create_task(cancellation_as_retry(self._measure_until(finished)))
                await cancellation_as_retry(self._poll_until_stopped(tasks))
                await self._drain(self.offsets.has_pending)
                if self.offsets.has_pending():  # the rest is read again at the next start
                    raise Retry("not everything in flight was finished in time")
                finished.set()
        except BaseExceptionGroup as group:
            raise root_cause(group) from group
        finally:
            # Tasks still in flight were cancelled: leaving the group must not wait for them.
            self.offsets.drop()
            with contextlib.suppress(Retry):
                await self._source.close()

    async def _poll_until_stopped(self, tasks: asyncio.TaskGroup) -> None:
        limits, breaker = self.deps.limits, self.deps.breaker
        now = asyncio.get_running_loop().time
        while not self.stop.is_set():
            await self.budget.wait_for_room()
            self._source.pause(breaker.paused(now()))
            batch = await self._source.poll(limits.batch, limits.poll_wait_s)
            self._report(ok=True, detail="")
            if batch.assigned:
                self.offsets.assign(batch.assigned)
                if self.deps.outbox is not None:
                    await self.deps.outbox.publish_orphans({name.number for name in batch.assigned})
            records: Sequence[Record] = batch.records
            if breaker.open:
                records, read_again = breaker.admit(records)
                if read_again:
                    await self._source.seek(read_again)
            # Only now: an open partition that is read again and has no record to try is not paused.
            self._report_paused(breaker.paused(now()))
            for part in split_by_bytes(records, limits.bytes_in_flight):
                await self.dispatch(tasks, part)

    @abstractmethod
    def reset(self) -> None:
        """Forget everything in flight, for a new session."""

    @abstractmethod
    async def dispatch(self, tasks: asyncio.TaskGroup, records: Sequence[Record]) -> None:
        """Start tasks that process these records; wait first while too much is in flight.

        Records that have not begun at `stop`, or whose partition was revoked in the meantime, are skipped.
        """

    def decode_all(
        self, records: Sequence[Record]
    ) -> tuple[list[tuple[Record, Event[Any]]], list[tuple[Record, DataError]]]:
        """Return the records that decode to an event, and those that do not with the error."""
        events: list[tuple[Record, Event[Any]]] = []
        rejected: list[tuple[Record, DataError]] = []
        for record in records:
            try:
                events.append((record, decode(record)))
            except Exception as error:  # noqa: BLE001 - a record must not stop its role, whatever it triggers
                rejected.append((record, rejection_of(error)))
        return events, rejected

    async def run_unit(self, events: Sequence[Event[Any]]) -> tuple[Result, Ack]:
        """Run one unit of work and send its records; the `Ack` waits until they are durable.

        Called with `unit_lock` held, so that records are sent in the order in which they were decided.
        """
        if self._unit_failed:  # the next holder of the lock wakes up before it can be cancelled
            raise Retry("the unit of work before this one failed")
        began, began_ns = time.perf_counter(), time.time_ns()
        self._unit_failed = True
        result = await self.deps.work.run(events)
        ack = await self.deps.sink.send(result.outgoing)
        self._unit_failed = False
        self.deps.metrics.batch_seconds.labels(self.deps.role).observe(time.perf_counter() - began)
        if self.deps.tracing.on:
            for event, outcome in result.outcomes:
                self.deps.tracing.record(
                    f"{self.deps.role} {event.type}",
                    event.traceparent,
                    began_ns,
                    **{"baton.lead": event.subject, "baton.event": event.id, "baton.outcome": outcome.value},
                )
        return result, ack

    async def complete(
        self,
        records: Sequence[Record],
        result: Result,
        ack: Ack,
        rejected: Sequence[tuple[Record, DataError]],
    ) -> None:
        """Wait until the unit's records and the dead letters are published, then count the outcomes."""
        await ack
        self.deps.failpoint("after_publish")
        if rejected:
            await self.deps.dead_letters.publish(rejected)
        self._count(result, rejected)
        self.observe(records, rejected)

    def observe(self, records: Sequence[Record], rejected: Sequence[tuple[Record, DataError]] = ()) -> None:
        """Open or close the breaker by what became of these records, and report it."""
        breaker, role = self.deps.breaker, self.deps.role
        failed = {id(record) for record, _error in rejected}
        processed = [Processed(record, failed=id(record) in failed) for record in records]
        if opened := breaker.observe(asyncio.get_running_loop().time(), processed):
            log.error(
                "partitions paused",
                role=role,
                partitions=[f"{topic}/{number}" for topic, number in sorted(opened)],
                reason=str(rejected[-1][1])[:300] if rejected else "",
            )

    def _report_paused(self, partitions: frozenset[Partition]) -> None:
        """Report in readiness and metrics which partitions are paused, when that has changed."""
        if partitions == self._reported_paused:
            return
        self._reported_paused = partitions
        names = [f"{topic}/{number}" for topic, number in sorted(partitions)]
        detail = f"paused, since most of their events are rejected: {', '.join(names)}" if names else ""
        self.deps.health.set(f"{self.deps.role}.partitions", not names, detail)
        self.deps.metrics.partitions_paused.labels(self.deps.role).set(len(names))
        if not names:
            log.info("partitions resumed", role=self.deps.role)

    async def _commit_until(self, finished: asyncio.Event) -> None:
        while not finished.is_set():
            await pause(finished, self.deps.limits.commit_every_s)
            await self._commit()

    async def _measure_until(self, finished: asyncio.Event) -> None:
        while not finished.is_set():
            with contextlib.suppress(Retry):  # a failed measurement must not end the session
                for (topic, number), records in (await self._source.lag()).items():
                    self.deps.metrics.consumer_lag.labels(self.deps.role, topic, str(number)).set(records)
            await pause(finished, _MEASURE_EVERY_S)

    async def _commit(self) -> None:
        """Delete published outbox rows, then commit. One task calls this, so that commits stay in order."""
        published = self.offsets.pop_published()
        if published and self.deps.outbox is not None:
            await self.deps.outbox.delete(published)
        upto = self.offsets.committable()
        if upto:
            self.deps.failpoint("before_offset_commit")
            await self._source.commit(upto)
            self.offsets.committed(upto)

    async def _on_revoke(self, partitions: frozenset[Partition]) -> None:
        """Finish and commit what is in flight of these partitions while this member still holds them."""
        self.offsets.revoke(partitions)
        try:
            await self._drain(lambda: self.offsets.has_pending(partitions))
        finally:
            self.offsets.drop(partitions)
            self.deps.breaker.forget(partitions)

    async def _drain(self, pending: Callable[[], bool]) -> None:
        """Wait while `pending()` is true, for at most `limits.drain_s` seconds."""
        now = asyncio.get_running_loop().time
        deadline = now() + self.deps.limits.drain_s
        while pending() and now() < deadline:  # noqa: ASYNC110 - a condition over many tasks
            await asyncio.sleep(0.01)

    def _count(self, result: Result, rejected: Sequence[tuple[Record, DataError]]) -> None:
        metrics, role = self.deps.metrics, self.deps.role
        for (type_name, outcome), records in Counter(
            (event.type, outcome) for event, outcome in result.outcomes
        ).items():
            metrics.records.labels(role, type_name, outcome).inc(records)
        for record, error in rejected:
            metrics.records.labels(role, record.topic, Outcome.DEAD_LETTERED).inc()
            if self.deps.dead_letters.is_keeper_of(record):
                metrics.dead_letters.labels(role, record.topic, error.kind).inc()
            log.warning(
                "record rejected",
                role=role,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                kind=error.kind,
                reason=str(error)[:300],
                exc_info=error.__cause__ if error.kind == BUG else None,
            )

    def _report(self, *, ok: bool, detail: str) -> None:
        self.deps.health.set(f"{self.deps.role}.stream", ok, detail)


def total_bytes(records: Iterable[Record]) -> int:
    """Return how many bytes these records have, with their keys and headers."""
    return sum(map(stored_bytes, records))


def split_by_bytes(records: Sequence[Record], bytes_max: int) -> Iterator[Sequence[Record]]:
    """Yield the records in order, in parts of at most `bytes_max` bytes; a larger record is a part."""
    if total_bytes(records) <= bytes_max:
        if records:
            yield records
        return
    part: list[Record] = []
    size = 0
    for record in records:
        weight = stored_bytes(record)
        if part and size + weight > bytes_max:
            yield part
            part, size = [], 0
        part.append(record)
        size += weight
    yield part


async def cancellation_as_retry(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`; a cancellation that did not come from this task's owner is raised as `Retry`.

    A library may cancel one of its own futures that `work` awaits. A task group treats a task that ends
    cancelled as one that ended well, and the role would stop without an error.
    """
    try:
        await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Retry("the work was cancelled by something that it called") from None


def root_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group (also of nested ones) that is not `Retry`, else its first `Retry`."""
    transient, permanent = group.split(Retry)
    rest = permanent or transient
    error: BaseException = group if rest is None else rest
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

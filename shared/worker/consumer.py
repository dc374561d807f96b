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
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from shared.errors import DataError, Retry
from shared.health import Health
from shared.lead.events.envelope import Event, decode
from shared.messaging.manifest import MIB
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import Ack, Partition, Record, Sink, Source, Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.readiness import TopicProgress
from shared.resilience.byte_budget import ByteBudget
from shared.resilience.periodic import pause
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome
from shared.worker.offset_tracker import OffsetTracker
from shared.worker.outbox import Outbox
from shared.worker.partition_breaker import PartitionBreaker, Processed
from shared.worker.unit_of_work import BUG, Failpoint, Result, Work, rejection_of

log = structlog.get_logger()

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_MEASURE_EVERY_S = 5.0
_PROBE_WAIT_S = 0.5
_DURATIONS_WAITED, _WAITED_S_MAX = 4, 0.05
_ENOUGH_RECORDS = 64  # share the fixed cost of a unit well enough


@dataclass(frozen=True, slots=True)
class ConsumerLimits:
    """The bounds of a consumer.

    `batch` is the most records of one poll. `batches_in_flight` bounds a `BatchConsumer`, whose batches have
    at most `polls_in_batch` times as many records, and `records_in_flight` a `ConcurrentConsumer`. A
    `BatchConsumer` decides `units_at_once` batches at once, each of partitions of its own. What is in flight
    has at most `bytes_in_flight` bytes, or a single record more. `drain_s` is how long a stop or a rebalance
    waits for what is in flight.
    """

    batch: int = 500
    batches_in_flight: int = 4
    polls_in_batch: int = 1
    units_at_once: int = 1
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


class UnitQueue:
    """Units of work that run one after the other, in the order in which they asked for `lock`.

    `failed` is true while a unit runs and after one has failed. `ended_s` is when the last one ended, by the
    clock of the event loop, and `took_s` its duration.
    """

    __slots__ = ("ended_s", "failed", "lock", "took_s")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.failed = False
        self.ended_s = float("-inf")
        self.took_s = 0.0


class ConsumerLoop(ABC):
    """Consumes a role's topics until `stop` is set. Subclasses decide what is in flight at once."""

    def __init__(self, deps: ConsumerDeps) -> None:
        self.deps = deps
        self.offsets = OffsetTracker()
        self.stop = asyncio.Event()
        self.budget = ByteBudget(deps.limits.bytes_in_flight)
        self._reported_paused: frozenset[Partition] = frozenset()
        self._last_read_ms: dict[str, int] = {}
        self._measured: frozenset[Partition] = frozenset()
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
        self.deps.breaker.forget_probes()
        self.budget = ByteBudget(self.deps.limits.bytes_in_flight)
        self.reset()
        self._source = await self.deps.stream.source(self.deps.role, self.deps.topics, self._on_revoke)
        try:
            async with asyncio.TaskGroup() as tasks:
                finished = asyncio.Event()
                tasks.create_task(cancellation_as_retry(self._commit_until(finished)))
                tasks.create_task(cancellation_as_retry(self._measure_until(finished)))
                tasks.create_task(self._wake_at_stop())
                await cancellation_as_retry(self._poll_until_stopped(tasks))
                await self._drain(self.offsets.has_pending)
                if self.offsets.has_pending():  # the rest is read again at the next start
                    raise Retry("not everything in flight was finished in time")
                finished.set()
                self.offsets.progress.set()
        except BaseExceptionGroup as group:
            raise root_cause(group) from group
        finally:
            # Tasks still in flight were cancelled: leaving the group must not wait for them.
            self.offsets.drop()
            with contextlib.suppress(Retry):
                await self._source.close()

    async def _wake_at_stop(self) -> None:
        """Let no poll keep a stop waiting."""
        await self.stop.wait()
        self._source.wake()

    async def _poll_until_stopped(self, tasks: asyncio.TaskGroup) -> None:
        limits, breaker = self.deps.limits, self.deps.breaker
        now = asyncio.get_running_loop().time
        while not self.stop.is_set():
            await self.budget.wait_for_room()
            self._source.pause(breaker.paused(now()))
            wait_s = min(limits.poll_wait_s, _PROBE_WAIT_S) if breaker.open else limits.poll_wait_s
            batch = await self._source.poll(limits.batch, wait_s)
            self._report(ok=True, detail="")
            if batch.assigned:
                self.offsets.assign(batch.assigned)
                if self.deps.outbox is not None:
                    await self.deps.outbox.publish_orphans({name.number for name in batch.assigned})
            records: Sequence[Record] = batch.records
            self._last_read_ms.update({record.topic: record.timestamp_ms for record in records})
            if breaker.open:
                records, read_again = breaker.admit(records)
                if read_again:
                    await self._source.seek(read_again)
            # Only now: an open partition that is read again and has no record to try is not paused.
            self._report_paused(breaker.paused(now()))
            for part, size in split_by_bytes(records, limits.bytes_in_flight):
                await self.dispatch(tasks, part, size)

    @abstractmethod
    def reset(self) -> None:
        """Forget everything in flight, for a new session."""

    @abstractmethod
    async def dispatch(self, tasks: asyncio.TaskGroup, records: Sequence[Record], size: int) -> None:
        """Start tasks that process these records of `size` bytes; wait first while too much is in flight.

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

    async def wait_for_more(self, queue: UnitQueue, waiting: int, enough: int) -> None:
        """Wait until four times the duration of the last unit has passed since its end, at most 50 ms.

        Called with the lock of the queue held. A unit of `enough` records, or after a pause, begins at once.
        The busier the process is, the longer a unit takes, and the more records share the next one's cost.
        """
        since_s = asyncio.get_running_loop().time() - queue.ended_s
        if since_s < queue.took_s and waiting < min(enough, _ENOUGH_RECORDS) and not self.stop.is_set():
            await asyncio.sleep(min(queue.took_s * _DURATIONS_WAITED, _WAITED_S_MAX) - since_s)

    async def run_unit(self, queue: UnitQueue, events: Sequence[Event[Any]]) -> tuple[Result, Ack]:
        """Run one unit of work and send its records; the `Ack` waits until they are durable.

        Called with the lock of its queue held, so that records are sent in the order of their decisions.
        """
        if queue.failed:  # the next holder of the lock wakes up before it can be cancelled
            raise Retry("the unit of work before this one failed")
        now = asyncio.get_running_loop().time
        began_s, began_ns = now(), time.time_ns()
        queue.failed = True
        result = await self.deps.work.run(events)
        ack = await self.deps.sink.send(result.outgoing)
        queue.failed = False
        queue.ended_s = now()
        queue.took_s = queue.ended_s - began_s
        self.deps.metrics.batch_seconds.labels(self.deps.role).observe(queue.took_s)
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
            await self.offsets.progress.wait()
            await pause(finished, self.deps.limits.commit_every_s)
            self.offsets.progress.clear()
            await self._commit()

    async def _measure_until(self, finished: asyncio.Event) -> None:
        role = self.deps.role
        while not finished.is_set():
            with contextlib.suppress(Retry):  # a failed measurement must not end the session
                unread: Counter[str] = Counter()
                lag = await self._source.lag()
                # A partition that another process has now is that one's to measure: autoscalers add up all.
                for topic, number in self._measured - lag.keys():
                    self.deps.metrics.consumer_lag.remove(role, topic, str(number))
                self._measured = frozenset(lag)
                for (topic, number), records in lag.items():
                    self.deps.metrics.consumer_lag.labels(role, topic, str(number)).set(records)
                    unread[topic] += records
                self.deps.health.progress[role] = {
                    topic: TopicProgress(records, self._last_read_at(topic))
                    for topic, records in unread.items()
                }
            await pause(finished, _MEASURE_EVERY_S)

    def _last_read_at(self, topic: str) -> datetime | None:
        """Return when the newest record of a topic that was read here was appended."""
        last_ms = self._last_read_ms.get(topic)
        return None if last_ms is None else datetime.fromtimestamp(last_ms / 1_000, UTC)

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


def split_by_bytes(records: Sequence[Record], bytes_max: int) -> Iterator[tuple[Sequence[Record], int]]:
    """Yield the records in order, in parts of at most `bytes_max` bytes, each with its bytes.

    These are with keys and headers. A larger record is a part.
    """
    part: list[Record] = []
    size = 0
    for record in records:
        weight = stored_bytes(record)
        if part and size + weight > bytes_max:
            yield part, size
            part, size = [], 0
        part.append(record)
        size += weight
    if part:
        yield part, size


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

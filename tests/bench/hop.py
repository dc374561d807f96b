"""`hop`: a handler without rows through the drive on Kafka, against a bare loop that copies the records."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.lead.events.envelope import Emit, Event
from shared.messaging.kafka import KafkaStream
from shared.messaging.manifest import LEADS_RECEIVED
from shared.messaging.port import Batch, OnRevoke, Partition, Source, Stream, publish
from shared.observability.metrics import Metrics
from shared.storage.rows import IdentityMap
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.consumer import ConsumerDeps
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome, Step
from shared.worker.handler import Handler
from shared.worker.unit_of_work import Result, fold
from tests.bench.copying import copy
from tests.bench.figure import Figure, in_turns
from tests.bench.leads import received
from tests.bench.services import Services

RECORDS: Final = 40_000
_GOAL = 0.6
_PARTITIONS = 6


class _Copier(Handler):
    """Emits what it gets."""

    role = "enricher"
    claimed: frozenset[str] = frozenset()

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        return Step(Outcome.APPLIED, emits=(Emit(event.data, event.subject, event.key),))


class Watched:
    """A stream whose one source notes when the first records come, and when the last are committed."""

    def __init__(self, stream: Stream, records: int, stop: asyncio.Event) -> None:
        self._stream = stream
        self._records = records
        self._stop = stop
        self._committed: dict[Partition, int] = {}
        self._began = self._ended = 0.0

    @property
    def seconds(self) -> float:
        return self._ended - self._began

    async def source(self, group: str, topics: Sequence[str], on_revoke: OnRevoke) -> Source:
        self._source = await self._stream.source(group, topics, on_revoke)
        return self  # type: ignore[return-value]

    async def poll(self, limit: int, wait_s: float) -> Batch:
        batch = await self._source.poll(limit, wait_s)
        if batch.records and not self._began:
            self._began = time.perf_counter()
        return batch

    async def commit(self, upto: Mapping[Partition, int]) -> None:
        await self._source.commit(upto)
        self._committed.update(upto)
        if sum(self._committed.values()) == self._records:
            self._ended = time.perf_counter()
            self._stop.set()

    def pause(self, partitions: Collection[Partition]) -> None:
        self._source.pause(partitions)

    def wake(self) -> None:
        self._source.wake()

    async def lag(self) -> Mapping[Partition, int]:
        return await self._source.lag()

    async def close(self) -> None:
        await self._source.close()


async def hop(services: Services) -> Figure:
    """Measure the figure."""
    run = f"hop{uuid.uuid4().hex[:8]}"
    here, there = (_stream(services, f"{run}-{side}") for side in ("in", "out"))
    await here.open()
    await there.open()
    try:
        sink = await here.sink()
        await publish(sink, received(RECORDS, run))
        await sink.close()

        async def baton() -> float:
            return RECORDS / await _drive(here, there)

        async def floor() -> float:
            source, target = (f"{run}-{side}.{LEADS_RECEIVED.name}" for side in ("in", "out"))
            return RECORDS / await copy(services.kafka, source, target, f"floor-{uuid.uuid4().hex}", RECORDS)

        rounds = await in_turns(baton, floor)
    finally:
        await here.close()
        await there.close()
    return rounds.figure("hop", _GOAL, "records")


def _stream(services: Services, prefix: str) -> KafkaStream:
    return KafkaStream(
        [services.kafka], prefix=prefix, partitions=_PARTITIONS, retention_days=1, create_topics=True
    )


class StatelessUnit:
    """Work of a handler that keeps no rows: it only decides."""

    def __init__(self, handler: Handler, clock: Clock) -> None:
        self._handler = handler
        self._clock = clock

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        result = Result()
        fold(self._handler.for_unit(), IdentityMap(), events, self._clock.now(), result=result)
        return result


async def _drive(here: Stream, there: Stream) -> float:
    """Run the drive over all records; return seconds from the first poll to the last commit."""
    stop, clock = asyncio.Event(), SystemClock()
    watched = Watched(here, RECORDS, stop)
    sink = await there.sink()
    parts = ConsumerDeps(
        role=f"bench-{uuid.uuid4().hex}",
        topics=[LEADS_RECEIVED.name],
        stream=watched,  # type: ignore[arg-type]
        sink=sink,
        work=StatelessUnit(_Copier(), clock),
        dead_letters=DeadLetters("enricher", sink, clock),
        health=Health(),
        metrics=Metrics(),
    )
    async with asyncio.timeout(120):
        await BatchConsumer(parts).run(stop)
    await sink.close()
    return watched.seconds

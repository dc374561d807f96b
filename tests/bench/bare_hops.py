"""The floor of `latency`: a record that is appended and read four times, and nothing done with it between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.clock import SystemClock
from shared.messaging.embedded import EmbeddedStream
from shared.messaging.manifest import TOPICS
from shared.messaging.port import Outgoing, Source
from tests.bench.leads import received
from tests.bench.open_loop import Percentiles, at_rate

_HOPS = 4
_WAIT_S = 30.0

Append = Callable[[bytes], Awaitable[None]]
"""Append a record to the first topic."""


class Hops:
    """Records on their way: `append` puts one on the first topic, the last reader calls `arrive`."""

    def __init__(self) -> None:
        self.append: Append
        self._due: dict[bytes, float] = {}
        self._took: list[float] = []

    async def measure(self, per_s: float, seconds: float) -> Percentiles:
        """Append records at this rate; return what each took from when it was due to its last reading."""
        self._due, self._took = {}, []
        records = iter(received(round(per_s * seconds), "hops"))
        async with asyncio.timeout(seconds + _WAIT_S), asyncio.TaskGroup() as tasks:

            def begin(due_at: float) -> None:
                value = next(records).value
                assert value is not None
                self._due[value] = due_at
                tasks.create_task(self._append(value))

            await at_rate(per_s, seconds, begin)
            while self._due:
                await asyncio.sleep(0.01)
        return Percentiles.of(self._took)

    def arrive(self, value: bytes) -> None:
        self._took.append(time.perf_counter() - self._due.pop(value))

    async def _append(self, value: bytes) -> None:
        await self.append(value)


@asynccontextmanager
async def kafka_hops(servers: str, run: str) -> AsyncIterator[Hops]:
    """Four topics of Kafka, by aiokafka alone: a record goes on when it is read, acknowledged by all."""
    hops = Hops()
    topics = [f"{run}-hop{number}" for number in range(_HOPS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
    await admin.close()
    async with AsyncExitStack() as stack:
        producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
        await producer.start()
        stack.push_async_callback(producer.stop)
        tasks = await stack.enter_async_context(_cancelled_at_end())
        for number, topic in enumerate(topics):
            consumer = AIOKafkaConsumer(
                topic, bootstrap_servers=servers, group_id=topic, auto_offset_reset="earliest"
            )
            await consumer.start()
            stack.push_async_callback(consumer.stop)
            follows = topics[number + 1] if number + 1 < _HOPS else None

            async def pass_on(consumer: AIOKafkaConsumer = consumer, follows: str | None = follows) -> None:
                async for record in consumer:
                    if follows is None:
                        hops.arrive(record.value)
                    else:
                        await producer.send(follows, record.value)

            tasks.append(asyncio.create_task(pass_on()))

        async def append(value: bytes) -> None:
            await producer.send_and_wait(topics[0], value)

        hops.append = append
        yield hops


@asynccontextmanager
async def embedded_hops(folder: Path) -> AsyncIterator[Hops]:
    """Four topics of the embedded stream: each append is on disk before it is read."""
    hops = Hops()
    stream = EmbeddedStream(folder, prefix="hops", partitions=1, retention_days=1, clock=SystemClock())
    names = [topic.name for topic in TOPICS[:_HOPS]]
    await stream.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stream.close)
        sink = await stream.sink()
        tasks = await stack.enter_async_context(_cancelled_at_end())
        for number, name in enumerate(names):
            source = await stream.source(f"hop{number}", [name], _nothing_to_finish)
            follows = names[number + 1] if number + 1 < _HOPS else None

            async def pass_on(source: Source = source, follows: str | None = follows) -> None:
                while True:
                    values = [record.value or b"" for record in (await source.poll(500, 60.0)).records]
                    if follows is None:
                        for value in values:
                            hops.arrive(value)
                    elif values:
                        await sink.send([Outgoing(follows, None, value) for value in values])

            tasks.append(asyncio.create_task(pass_on()))

        async def append(value: bytes) -> None:
            await (await sink.send([Outgoing(names[0], None, value)]))

        hops.append = append
        yield hops


@asynccontextmanager
async def _cancelled_at_end() -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _nothing_to_finish(_partitions: object) -> None:
    return None

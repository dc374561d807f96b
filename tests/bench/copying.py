"""The floor of `hop`: aiokafka alone, copying records as they are, with batches in flight."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.worker.consumer import ConsumerLimits

_LIMITS = ConsumerLimits()


async def copy(servers: str, source: str, target: str, group: str, records: int) -> float:
    """Copy so many records from topic to topic; return seconds from the first poll to the last commit.

    Polls, batches in flight and commits are those of a drive: 500, 4, and every 100 ms.
    """
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=32 * 1024 * 1024,
    )
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=2)
    await consumer.start()
    await producer.start()
    try:
        return await _Copier(consumer, producer, target).copy(records)
    finally:
        await producer.stop()
        await consumer.stop()


class _Copier:
    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, target: str) -> None:
        self._consumer = consumer
        self._producer = producer
        self._target = target
        self._room = asyncio.Semaphore(_LIMITS.batches_in_flight)
        self._line: deque[tuple[asyncio.Task[None], dict[TopicPartition, int]]] = deque()
        self._read = False

    async def copy(self, records: int) -> float:
        began = 0.0
        left = records
        committer: asyncio.Task[None] | None = None
        while left:
            fetched = await self._consumer.getmany(timeout_ms=500, max_records=_LIMITS.batch)
            if fetched and not began:
                began = time.perf_counter()
                committer = asyncio.create_task(self._commit())
            if fetched:
                await self._room.acquire()
                upto = {partition: of_it[-1].offset + 1 for partition, of_it in fetched.items()}
                self._line.append((asyncio.create_task(self._acknowledged(await self._send(fetched))), upto))
            left -= sum(map(len, fetched.values()))
        self._read = True
        assert committer is not None
        await committer
        return time.perf_counter() - began

    async def _send(self, fetched: dict[TopicPartition, list[Any]]) -> list[asyncio.Future[Any]]:
        sent: list[asyncio.Future[Any]] = []
        for partition, records in fetched.items():
            batch = self._producer.create_batch()
            for record in records:
                if not batch.append(
                    timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
                ):
                    sent.append(
                        await self._producer.send_batch(batch, self._target, partition=partition.partition)
                    )
                    batch = self._producer.create_batch()
                    batch.append(
                        timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
                    )
            batch.close()
            sent.append(await self._producer.send_batch(batch, self._target, partition=partition.partition))
        return sent

    async def _acknowledged(self, sent: list[asyncio.Future[Any]]) -> None:
        await asyncio.gather(*sent)
        self._room.release()

    async def _commit(self) -> None:
        while self._line or not self._read:
            await asyncio.sleep(_LIMITS.commit_every_s)
            upto: dict[TopicPartition, int] = {}
            while self._line and self._line[0][0].done():
                upto.update(self._line.popleft()[1])
            if upto:
                await self._consumer.commit(upto)

"""Appends to Kafka: many records of a partition as ready-made batches, few through the client's own line.

A batch costs a fifth of the CPU that as many single sends cost; single sends of concurrent requests share
a batch after a linger of 2 ms. Both go through one queue per partition inside the client, and each call
here is awaited before the next, so records of one task keep their order whichever way they take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.errors import Crash, DataError, Retry
from shared.messaging.ack import refused, settle
from shared.messaging.kafka.errors import as_baton, translated
from shared.messaging.manifest import MIB
from shared.messaging.partitioner import Partitioner, refuse_oversized
from shared.messaging.port import Ack, Outgoing, Partition

BATCH_BYTES_MAX = MIB // 2
"""Below the smallest topic's limit, which Kafka holds against whole batches."""

_REQUEST_BYTES_MAX = 18 * MIB
_LINGER_MS = 2
_SINGLES_MAX = 4
_STOP_S_MAX = 30.0
_RENEW_STOP_S_MAX = 5.0
_log = structlog.get_logger(__name__)


class _Part(NamedTuple):
    """What goes to one partition in one piece: a batch, or a single record."""

    topic: str
    number: int
    piece: BatchBuilder | Outgoing


class KafkaSink:
    """See `port.Sink`. A send with an oversized record appends nothing at all.

    While the broker is away acks wait, and so does `send` once the line is full.
    """

    def __init__(self, bootstrap: Sequence[str], placing: Partitioner, prefix: str) -> None:
        self._bootstrap = list(bootstrap)
        self._placing = placing
        self._names = {topic: f"{prefix}.{topic}" for topic in placing.topics}
        self._producer: AIOKafkaProducer | None = None
        self._broken = False
        self._closed = False
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises `Retry` when no broker answers."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=_REQUEST_BYTES_MAX,
        )
        try:
            with translated("starting a producer"):
                await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        producer = self._producer
        if producer is None or self._broken or self._closed:
            producer = await self._working()
        if len(out) == 1 and _can_go_alone(out[0]):
            return await self._send_one(producer, out[0])
        try:
            parts = [self._parts(producer, *group) for group in self._placing.place(out).items()]
        except DataError as error:
            return refused(error)
        # The first piece of every partition, then the second: a partition takes one batch per round trip.
        in_turn = [part for part in chain.from_iterable(zip_longest(*parts)) if part is not None]
        with translated("sending"):
            futures = [await self._enqueue(producer, *part) for part in in_turn]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        delivered = asyncio.gather(*futures, return_exceptions=True)
        delivered.add_done_callback(partial(self._delivered, done, producer))
        return done

    async def _send_one(self, producer: AIOKafkaProducer, record: Outgoing) -> Ack:
        """Do the same for one record, which is what each request of the gateway sends, in half the time."""
        topic, number = self._placing.partition_for(record)
        try:
            refuse_oversized(record, self._placing.topics[topic])
        except DataError as error:
            return refused(error)
        with translated("sending"):
            sent = await self._enqueue(producer, self._names[topic], number, record)
        done: asyncio.Future[None] = sent.get_loop().create_future()
        sent.add_done_callback(partial(self._one_delivered, done, producer))
        return done

    async def close(self) -> None:
        self._closed = True
        if self._producer is not None:
            await _stop(self._producer, _STOP_S_MAX)

    async def _working(self) -> AIOKafkaProducer:
        if self._closed:
            raise Crash("this sink is closed")
        if self._broken or self._producer is None:
            async with self._renewing:
                if self._broken and self._producer is not None:
                    await _stop(self._producer, _RENEW_STOP_S_MAX)
                    self._producer = None
                if self._producer is None:
                    await self.start()
                    self._broken = False
        assert self._producer is not None  # noqa: S101 - told to the type checker
        return self._producer

    def _parts(
        self, producer: AIOKafkaProducer, partition: Partition, records: Sequence[Outgoing]
    ) -> list[_Part]:
        topic = self._placing.topics[partition.topic]
        pieces: Iterable[BatchBuilder | Outgoing]
        if len(records) <= _SINGLES_MAX and all(_can_go_alone(record) for record in records):
            for record in records:
                refuse_oversized(record, topic)
            pieces = records
        else:
            pieces = self._batches(producer, partition, records)
        name = self._names[partition.topic]
        return [_Part(name, partition.number, piece) for piece in pieces]

    def _batches(
        self, producer: AIOKafkaProducer, partition: Partition, records: Sequence[Outgoing]
    ) -> list[BatchBuilder]:
        batches: list[BatchBuilder] = []
        batch: BatchBuilder | None = None
        for record in records:
            headers = list(record.headers)
            if batch is not None and batch.append(
                timestamp=None, key=record.key, value=record.value, headers=headers
            ):
                continue
            # Only the first record of a batch can be larger than a batch, so only it needs a look.
            refuse_oversized(record, self._placing.topics[partition.topic])
            batch = producer.create_batch()
            batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
            batches.append(batch)
        for full in batches:
            # A closed batch is sent without linger.
            full.close()
        return batches

    async def _enqueue(
        self, producer: AIOKafkaProducer, topic: str, number: int, piece: BatchBuilder | Outgoing
    ) -> asyncio.Future[Any]:
        """Put a piece in line; wait while the line is full, however long the broker is away."""
        sent: asyncio.Future[Any]
        while True:
            try:
                if isinstance(piece, Outgoing):
                    headers = list(piece.headers)
                    sent = await producer.send(topic, piece.value, piece.key, number, headers=headers)
                else:
                    sent = await producer.send_batch(piece, topic, partition=number)
            except KafkaTimeoutError:
                continue  # nothing was put in line, so the same piece can be tried again
            return sent

    def _delivered(
        self, done: asyncio.Future[None], producer: AIOKafkaProducer, gathered: asyncio.Future[list[Any]]
    ) -> None:
        failed = next((result for result in gathered.result() if isinstance(result, BaseException)), None)
        self._settle(done, producer, failed)

    def _one_delivered(
        self, done: asyncio.Future[None], producer: AIOKafkaProducer, sent: asyncio.Future[Any]
    ) -> None:
        failed = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if failed is not None:
            self._settle(done, producer, failed)
        elif not done.done():
            done.set_result(None)

    def _settle(
        self, done: asyncio.Future[None], producer: AIOKafkaProducer, failed: BaseException | None
    ) -> None:
        if failed is None:
            settle(done, None)
            return
        # An idempotent producer that has lost a batch has a gap in its sequence, and can only be replaced.
        self._broken = self._broken or producer is self._producer
        _log.warning("a batch was not delivered; the producer is replaced", error=repr(failed))
        settle(done, as_baton(failed, "delivering"))


def _can_go_alone(record: Outgoing) -> bool:
    """Kafka stores a record without key and value, but the client's `send` refuses it."""
    return record.key is not None or record.value is not None


async def _stop(producer: AIOKafkaProducer, seconds_max: float) -> None:
    """Send what is in line, unless that takes too long."""
    try:
        with translated("stopping a producer"):
            await asyncio.wait_for(producer.stop(), seconds_max)
    except Retry as error:
        _log.warning("a producer did not stop in good order", reason=str(error))

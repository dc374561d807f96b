"""Appends records to Kafka: many records of a partition as ready-made batches, few as single sends.

A batch costs a fifth of the CPU of as many single sends. Single sends of concurrent requests share a batch
after a linger of 2 ms. Both go through one queue per partition inside the client, and each call is awaited
before the next, so the records of one task keep their order either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.errors import Crash, DataError, Retry
from shared.messaging.ack import complete, failed_ack
from shared.messaging.kafka.errors import KafkaErrorTranslation, as_baton
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


class _Piece(NamedTuple):
    """One unit that the client queues for a partition: a batch, or a single record."""

    topic: str
    number: int
    piece: BatchBuilder | Outgoing


class KafkaSink:
    """See `port.Sink`. A send with an oversized record appends nothing at all.

    While no broker can be reached acks wait, and so does `send` once the client's buffer is full.
    """

    def __init__(self, client_options: Mapping[str, Any], partitioner: Partitioner, prefix: str) -> None:
        self._client_options = client_options
        self._partitioner = partitioner
        self._names = {topic: f"{prefix}.{topic}" for topic in partitioner.topics}
        self._producer: AIOKafkaProducer | None = None
        self._needs_new_producer = False
        self._closed = False
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises `Retry` when no broker is reachable."""
        producer = AIOKafkaProducer(
            **self._client_options,
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=_REQUEST_BYTES_MAX,
        )
        try:
            with KafkaErrorTranslation("starting a producer"):
                await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        producer = self._producer
        if producer is None or self._needs_new_producer or self._closed:
            producer = await self._usable_producer()
        if len(out) == 1 and _can_go_alone(out[0]):
            return await self._send_one(producer, out[0])
        try:
            pieces = [self._pieces(producer, *group) for group in self._partitioner.by_partition(out).items()]
        except DataError as error:
            return failed_ack(error)
        # The first piece of every partition, then the second: a request holds one batch per partition.
        queue = [piece for piece in chain.from_iterable(zip_longest(*pieces)) if piece is not None]
        with KafkaErrorTranslation("sending"):
            futures = [await self._enqueue(producer, *piece) for piece in queue]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def delivered(gathered: asyncio.Future[list[Any]]) -> None:
            failures = (result for result in gathered.result() if isinstance(result, BaseException))
            self._complete(done, producer, next(failures, None))

        asyncio.gather(*futures, return_exceptions=True).add_done_callback(delivered)
        return done

    async def _send_one(self, producer: AIOKafkaProducer, record: Outgoing) -> Ack:
        """Send one record, in half the CPU of the general way; each request of the gateway sends one."""
        topic, number = self._partitioner.partition_for(record)
        try:
            refuse_oversized(record, self._partitioner.topics[topic])
        except DataError as error:
            return failed_ack(error)
        with KafkaErrorTranslation("sending"):
            sent = await self._enqueue(producer, self._names[topic], number, record)
        done: asyncio.Future[None] = sent.get_loop().create_future()

        def delivered(sent: asyncio.Future[Any]) -> None:
            failed = asyncio.CancelledError() if sent.cancelled() else sent.exception()
            if failed is not None:
                self._complete(done, producer, failed)
            elif not done.done():
                done.set_result(None)

        sent.add_done_callback(delivered)
        return done

    async def close(self) -> None:
        self._closed = True
        if self._producer is not None:
            await _stop(self._producer, _STOP_S_MAX)

    async def _usable_producer(self) -> AIOKafkaProducer:
        if self._closed:
            raise Crash("this sink is closed")
        if self._needs_new_producer or self._producer is None:
            async with self._renewing:
                if self._needs_new_producer and self._producer is not None:
                    await _stop(self._producer, _RENEW_STOP_S_MAX)
                    self._producer = None
                if self._producer is None:
                    await self.start()
                    self._needs_new_producer = False
        assert self._producer is not None  # noqa: S101 - for the type checker
        return self._producer

    def _pieces(
        self, producer: AIOKafkaProducer, partition: Partition, records: Sequence[Outgoing]
    ) -> list[_Piece]:
        topic = self._partitioner.topics[partition.topic]
        pieces: Iterable[BatchBuilder | Outgoing]
        if len(records) <= _SINGLES_MAX and all(_can_go_alone(record) for record in records):
            for record in records:
                refuse_oversized(record, topic)
            pieces = records
        else:
            pieces = self._batches(producer, partition, records)
        name = self._names[partition.topic]
        return [_Piece(name, partition.number, piece) for piece in pieces]

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
            # Only the first record of a batch can be larger than a batch, so only it is checked.
            refuse_oversized(record, self._partitioner.topics[partition.topic])
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
        """Queue a piece in the client; wait while its buffer is full, however long no broker is reachable."""
        sent: asyncio.Future[Any]
        while True:
            try:
                if isinstance(piece, Outgoing):
                    headers = list(piece.headers)
                    sent = await producer.send(topic, piece.value, piece.key, number, headers=headers)
                else:
                    sent = await producer.send_batch(piece, topic, partition=number)
            except KafkaTimeoutError:
                continue  # nothing was queued, so the same piece can be tried again
            return sent

    def _complete(
        self, done: asyncio.Future[None], producer: AIOKafkaProducer, failed: BaseException | None
    ) -> None:
        if failed is None:
            complete(done, None)
            return
        # An idempotent producer that has lost a batch has a gap in its sequence numbers: it must be replaced.
        self._needs_new_producer = self._needs_new_producer or producer is self._producer
        _log.warning("a batch was not delivered; the producer is replaced", error=repr(failed))
        complete(done, as_baton(failed, "delivering"))


def _can_go_alone(record: Outgoing) -> bool:
    """Tell whether the client's `send` takes the record: it requires a key or a value, Kafka neither."""
    return record.key is not None or record.value is not None


async def _stop(producer: AIOKafkaProducer, seconds_max: float) -> None:
    """Flush and stop the producer, unless that takes longer than `seconds_max`."""
    try:
        with KafkaErrorTranslation("stopping a producer"):
            await asyncio.wait_for(producer.stop(), seconds_max)
    except Retry as error:
        _log.warning("a producer did not stop cleanly", reason=str(error))

"""Appends records to the embedded stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from shared.clock import Clock
from shared.errors import Crash, DataError
from shared.messaging.ack import complete, failed_ack
from shared.messaging.embedded import log
from shared.messaging.embedded.writer import Writer
from shared.messaging.partitioner import Partitioner, refuse_oversized
from shared.messaging.port import Ack, Outgoing, Partition

Appended = Callable[[dict[int, int]], None]
"""Called after an append with the new end of each log, by log id."""


class EmbeddedSink:
    """See `port.Sink`. A send with an oversized record appends nothing at all."""

    def __init__(
        self,
        partitioner: Partitioner,
        *,
        ids: dict[Partition, int],
        writer: Writer,
        clock: Clock,
        appended: Appended,
    ) -> None:
        self._partitioner = partitioner
        self._ids = ids
        self._writer = writer
        self._clock = clock
        self._appended = appended
        self._pending: set[asyncio.Future[dict[int, int]]] = set()
        self._closed = False

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        if self._closed:
            raise Crash("this sink is closed")
        try:
            chunks = self._pack(out)
        except DataError as error:
            return failed_ack(error)
        size = sum(len(chunk.body) for of_log in chunks.values() for chunk in of_log)
        at_ms = int(self._clock.now().timestamp() * 1000)
        written = await self._writer.enqueue(partial(log.append, chunks=chunks, at_ms=at_ms), size)
        self._pending.add(written)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.add_done_callback(partial(self._written, done))
        return done

    async def close(self) -> None:
        self._closed = True
        if self._pending:
            await asyncio.wait(self._pending)

    def _pack(self, out: Sequence[Outgoing]) -> dict[int, list[log.Chunk]]:
        packed: dict[int, list[log.Chunk]] = {}
        for partition, records in self._partitioner.by_partition(out).items():
            chunks = list(log.pack(records))
            topic = self._partitioner.topics[partition.topic]
            # A chunk far below the limit of a single record holds no oversized one, so most need no check.
            if any(len(chunk.body) > topic.record_bytes_max // 2 for chunk in chunks):
                for record in records:
                    refuse_oversized(record, topic)
            packed[self._ids[partition]] = chunks
        return packed

    def _written(self, done: asyncio.Future[None], written: asyncio.Future[dict[int, int]]) -> None:
        self._pending.discard(written)
        error = written.exception()
        if error is None:
            self._appended(written.result())
        complete(done, error)

"""Appends to the embedded stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from shared.clock import Clock
from shared.errors import Crash, DataError
from shared.messaging.ack import refused, settle
from shared.messaging.embedded import log
from shared.messaging.embedded.writer import Writer
from shared.messaging.partitioner import Partitioner, refuse_oversized
from shared.messaging.port import Ack, Outgoing, Partition

Appended = Callable[[dict[int, int]], None]


class EmbeddedSink:
    """See `port.Sink`. A send with an oversized record appends nothing at all."""

    def __init__(
        self,
        placing: Partitioner,
        *,
        ids: dict[Partition, int],
        writer: Writer,
        clock: Clock,
        appended: Appended,
    ) -> None:
        self._placing = placing
        self._ids = ids
        self._writer = writer
        self._clock = clock
        self._appended = appended
        self._in_line: set[asyncio.Future[dict[int, int]]] = set()
        self._closed = False

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        if self._closed:
            raise Crash("this sink is closed")
        try:
            chunks = self._pack(out)
        except DataError as error:
            return refused(error)
        size = sum(len(chunk.body) for of_log in chunks.values() for chunk in of_log)
        at_ms = int(self._clock.now().timestamp() * 1000)
        written = await self._writer.enqueue(partial(log.append, chunks=chunks, at_ms=at_ms), size)
        self._in_line.add(written)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.add_done_callback(partial(self._written, done))
        return done

    async def close(self) -> None:
        self._closed = True
        if self._in_line:
            await asyncio.wait(self._in_line)

    def _pack(self, out: Sequence[Outgoing]) -> dict[int, list[log.Chunk]]:
        packed: dict[int, list[log.Chunk]] = {}
        for partition, records in self._placing.place(out).items():
            chunks = list(log.pack(records))
            topic = self._placing.topics[partition.topic]
            # Most chunks are far below the limit of a single record: then no record needs a look.
            if any(len(chunk.body) > topic.record_bytes_max // 2 for chunk in chunks):
                for record in records:
                    refuse_oversized(record, topic)
            packed[self._ids[partition]] = chunks
        return packed

    def _written(self, done: asyncio.Future[None], written: asyncio.Future[dict[int, int]]) -> None:
        self._in_line.discard(written)
        error = written.exception()
        if error is None:
            self._appended(written.result())
        settle(done, error)

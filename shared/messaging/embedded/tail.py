"""A tail of the embedded stream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from shared.messaging.embedded import log
from shared.messaging.embedded.source import POLL_BYTES_MAX, Logs
from shared.messaging.embedded.writer import FileThread
from shared.messaging.port import Gap, Partition, TailBatch


class EmbeddedTail:
    """See `port.Tail`. The file has all its partitions from the start, so none is ever added."""

    def __init__(
        self, positions: Mapping[Partition, int], gaps: Sequence[Gap], *, logs: Logs, reader: FileThread
    ) -> None:
        self.closed = False
        self._positions = dict(positions)
        self._gaps = gaps
        self._logs = logs
        self._reader = reader
        self._turn = 0
        self._has_more = asyncio.Event()

    @property
    def positions(self) -> Mapping[Partition, int]:
        return self._positions

    async def poll(self, limit: int, wait_s: float) -> TailBatch:
        until = asyncio.get_running_loop().time() + wait_s
        while True:
            self._has_more.clear()
            if self._gaps:
                gaps, self._gaps = self._gaps, ()
                return TailBatch(gaps=gaps)
            self._turn += 1
            logs = self._logs
            if spans := log.readable(logs.ids, logs.ends, self._positions, self._positions, self._turn):
                reading = await self._reader.run(
                    partial(log.read, spans=spans, limit=limit, bytes_max=POLL_BYTES_MAX)
                )
                if gaps := log.gaps_before(reading, self._positions):
                    self._positions.update({gap.partition: gap.found for gap in gaps})
                    return TailBatch(gaps=gaps)
                self._positions.update(reading.next_offsets)
                return TailBatch(reading.records)
            rest_s = until - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._has_more.wait(), max(0.0, rest_s))
            except TimeoutError:
                return TailBatch()

    def appended(self, to: frozenset[Partition]) -> None:
        """Wake a waiting poll if one of these partitions, which have new records, is read."""
        if not self._positions.keys().isdisjoint(to):
            self._has_more.set()

    async def close(self) -> None:
        self.closed = True

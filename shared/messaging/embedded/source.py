"""One member of a group on the embedded stream."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Protocol

import structlog

from shared.errors import Fenced
from shared.messaging.embedded import log
from shared.messaging.embedded.group import Group
from shared.messaging.embedded.writer import FileThread, Writer
from shared.messaging.port import Batch, OnRevoke, Partition

POLL_BYTES_MAX = 8 * 1024 * 1024

_numbers = count()
_log = structlog.get_logger(__name__)


class Logs(Protocol):
    """The ids of the logs in the file, and the offset of the next record of each."""

    ids: dict[Partition, int]
    ends: dict[Partition, int]


class EmbeddedSource:
    """See `port.Source`."""

    def __init__(
        self,
        group: Group,
        topics: Sequence[str],
        on_revoke: OnRevoke,
        *,
        logs: Logs,
        reader: FileThread,
        writer: Writer,
        revoking_s_max: float,
    ) -> None:
        self.number = next(_numbers)
        self.topics = frozenset(topics)
        self.held: set[Partition] = set()
        self._group = group
        self._on_revoke = on_revoke
        self._revoking_s_max = revoking_s_max
        self._logs = logs
        self._reader = reader
        self._writer = writer
        self._positions: dict[Partition, int] = {}
        self._unreported: set[Partition] = set()
        self._revoked: frozenset[Partition] = frozenset()
        self._paused: frozenset[Partition] = frozenset()
        # Incremented by everything that invalidates a read in progress: a rebalance, a seek.
        self._epoch = 0
        self._turn = 0
        self._changed = asyncio.Event()
        self._woken = False
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    async def poll(self, limit: int, wait_s: float) -> Batch:
        until = asyncio.get_running_loop().time() + wait_s
        while True:
            if self._closed:
                raise Fenced("this member has left its group")
            self._changed.clear()
            if self._unreported:
                gained = frozenset(self._unreported)
                self._unreported.clear()
                return Batch(assigned=gained)
            if spans := self._readable():
                epoch = self._epoch
                reading = await self._reader.run(
                    partial(log.read, spans=spans, limit=limit, bytes_max=POLL_BYTES_MAX)
                )
                if epoch == self._epoch:
                    self._positions.update(reading.next_offsets)
                    if reading.records:
                        return Batch(reading.records)
                continue
            if not await self._wait_for_change(until):
                return Batch()

    async def commit(self, upto: Mapping[Partition, int]) -> None:
        self._refuse_lost(upto)
        offsets = dict(upto)
        ids = {self._logs.ids[partition]: offset for partition, offset in offsets.items()}
        await self._writer.run(partial(log.commit, group=self._group.name, upto=ids))
        self._group.committed.update(offsets)

    async def seek(self, to: Mapping[Partition, int]) -> None:
        self._refuse_lost(to)
        self._go_to(to)

    def pause(self, partitions: Collection[Partition]) -> None:
        paused = frozenset(partitions)
        if paused != self._paused:
            self._paused = paused
            self._epoch += 1
            self._changed.set()

    def wake(self) -> None:
        self._woken = True
        self._changed.set()

    async def lag(self) -> Mapping[Partition, int]:
        ends = self._logs.ends
        return {partition: max(0, ends[partition] - self._positions[partition]) for partition in self.held}

    async def close(self) -> None:
        self._closed = True
        self._epoch += 1
        self.held.clear()
        self._unreported.clear()
        self._group.leave(self)
        self._changed.set()

    async def revoke(self, lost: frozenset[Partition]) -> None:
        self._revoked = lost
        self._epoch += 1
        try:
            # The caller has no records of partitions that were not reported to it yet.
            if reported := lost - self._unreported:
                await asyncio.wait_for(self._on_revoke(reported), self._revoking_s_max)
        except TimeoutError:
            _log.warning("on_revoke took too long", group=self._group.name, seconds=self._revoking_s_max)
        finally:
            self.held -= lost
            self._unreported -= lost
            self._revoked = frozenset()

    def assign(self, gained: frozenset[Partition]) -> None:
        self.held |= gained
        self._unreported |= gained
        self._go_to({partition: self._group.committed[partition] for partition in gained})

    def appended(self, to: frozenset[Partition]) -> None:
        """Wake a waiting poll if this member holds one of these partitions, which have new records."""
        if not self.held.isdisjoint(to):
            self._changed.set()

    def _go_to(self, offsets: Mapping[Partition, int]) -> None:
        self._positions.update(offsets)
        self._epoch += 1
        self._changed.set()

    def _refuse_lost(self, partitions: Mapping[Partition, int]) -> None:
        lost = [
            partition
            for partition in partitions
            if partition not in self.held or partition in self._unreported
        ]
        if lost:
            raise Fenced(f"group {self._group.name} does not hold {lost[0].topic}/{lost[0].number}")

    def _readable(self) -> list[log.Span]:
        self._turn += 1
        held = self.held - self._revoked - self._paused
        return log.readable(self._logs.ids, self._logs.ends, self._positions, held, self._turn)

    async def _wait_for_change(self, until: float) -> bool:
        """Wait for a record, a rebalance or a seek until the loop time `until`; return whether one came."""
        wait_s = until - asyncio.get_running_loop().time()
        if wait_s <= 0 or self._woken:
            self._woken = False
            return False
        try:
            await asyncio.wait_for(self._changed.wait(), wait_s)
        except TimeoutError:
            return False
        return True

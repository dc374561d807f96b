"""One stream's place in the events: what was missed comes from the topics, what follows from the feed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.event_stream.feed import TOPICS, EventFeed, StreamedRecord
from shared.messaging.port import Gap, Partition, Tail

READ_MAX: Final = 200


class ReadBatch(Struct, frozen=True):
    """What a stream reads next: positions that do not exist any more, or records, or nothing.

    `before` is the position before the first record.
    """

    before: Mapping[Partition, int]
    records: Sequence[StreamedRecord] = ()
    gaps: Sequence[Gap] = ()


class ReaderTooSlow(Exception):
    """The stream has not read for so long that its next record is no longer kept in memory."""


class EventReader:
    """Reads from `start` on, or from now on without it. `positions` is up to where it has read."""

    def __init__(self, feed: EventFeed, start: Mapping[Partition, int] | None) -> None:
        self._feed = feed
        self._tail: Tail | None = None
        self._number: int | None = None
        if start is None or start == feed.positions:
            self.positions = dict(feed.positions)
            self._number = feed.end_number
        else:
            self.positions = dict(start)

    async def read(self, wait_s: float) -> ReadBatch:
        """Return what is next, after at most about `wait_s` seconds. Raises `ReaderTooSlow` and `Retry`."""
        if self._number is None:
            return await self._read_missed(wait_s)
        if self._number >= self._feed.first_number:
            await self._feed.wait_for_more(self._number, wait_s)
        if self._number < self._feed.first_number:
            raise ReaderTooSlow
        found = self._feed.kept(self._number, READ_MAX)
        self._number += len(found)
        before = self.positions
        new = [record for record in found if record.offset >= before.get(record.partition, 0)]
        self.positions = before | {record.partition: record.offset + 1 for record in new}
        return ReadBatch(before, new)

    async def close(self) -> None:
        """Release what it reads the topics with."""
        tail, self._tail = self._tail, None
        if tail is not None:
            self._feed.reading_missed.release()
            await tail.close()

    async def _read_missed(self, wait_s: float) -> ReadBatch:
        """Read the topics up to what the feed keeps; the first batch also says which positions are gone."""
        try:
            if self._tail is None:
                self._tail = await self._open_tail(wait_s)
                wait_s = 0.0
            elif self._reaches_the_feed():
                self._number = self._feed.first_number
                await self.close()
            if self._tail is None:
                return ReadBatch(self.positions)
            before = dict(self._tail.positions)
            batch = await self._tail.poll(READ_MAX, wait_s)
            records = await self._feed.decode(batch.records)
        except BaseException:
            await self.close()  # another tail continues at `positions`
            raise
        self.positions = dict(self._tail.positions)
        return ReadBatch(before, records, batch.gaps)

    def _reaches_the_feed(self) -> bool:
        floor = self._feed.floor
        return all(self.positions.get(partition, -1) >= offset for partition, offset in floor.items())

    async def _open_tail(self, wait_s: float) -> Tail | None:
        """Return a tail from `positions` on, None when it is not this stream's turn within `wait_s`."""
        try:
            await asyncio.wait_for(self._feed.reading_missed.acquire(), wait_s)
        except TimeoutError:
            return None
        try:
            return await self._feed.stream.tail(TOPICS, self.positions)
        except BaseException:
            self._feed.reading_missed.release()
            raise

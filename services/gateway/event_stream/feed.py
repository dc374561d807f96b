"""Follows the topics of the event stream, once for all streams of this process.

The latest events are kept in memory. A stream that is up to date reads them there; one that resumes from
further back reads the topics first (`reader.py`). While no stream is open nothing is followed and kept.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from msgspec import Struct

from services.gateway.domain.subscriptions import STREAM_TOPICS
from services.gateway.event_stream.erased import decode_records
from shared.errors import Reject, Retry
from shared.lead.events.envelope import decode_data
from shared.lead.events.registry import BY_NAME
from shared.messaging.manifest import PEOPLE_ERASED
from shared.messaging.port import Partition, Record, Stream, Tail
from shared.resilience.lru import LruCache
from shared.storage.database import Database
from shared.worker.erasure import KeyedHash

TOPICS: Final = tuple(topic.name for topic in STREAM_TOPICS)

_POLL_RECORDS: Final = 500
_POLL_S: Final = 5.0
_RETRY_S: Final = 1.0
_READY_S_MAX: Final = 5.0
_DECODED_KEPT: Final = 512
_MISSED_READ_AT_ONCE: Final = 4

log = structlog.get_logger()


class StreamLimits(Struct, frozen=True):
    """The bounds of the streams of a process, times in seconds.

    So many events and bytes are kept in memory, and followed for `linger_s` after the last stream has ended.
    A stream sends at least a comment every `heartbeat_s`, checks every `check_s` whether its key may still
    hear, and cuts a client off that takes nothing for `send_s`.
    """

    events_kept: int = 10_000
    bytes_kept: int = 64 * 1024 * 1024
    streams_per_key: int = 20
    streams: int = 500
    linger_s: float = 60.0
    heartbeat_s: float = 15.0
    check_s: float = 2.0
    send_s: float = 10.0


class StreamedRecord(Struct, frozen=True, gc=False):
    """An event at its place in a partition; `raw` is its data as JSON.

    `type` is empty where there is nothing to send: somebody was erased, or the record holds no event.
    """

    partition: Partition
    offset: int
    type: str = ""
    id: str = ""
    time: datetime = datetime.max.replace(tzinfo=UTC)
    raw: bytes = b""


class EventFeed:
    """Open streams register by `admit`. `run` follows the topics while there are any.

    The records that are kept are numbered in the order in which they were read: `first_number` is the first
    of them, and `floor` the position before it.
    """

    def __init__(self, stream: Stream, database: Database, keyed_hash: KeyedHash) -> None:
        self.stream = stream
        self.limits = StreamLimits()
        self.first_number = 0
        self.floor: dict[Partition, int] = {}
        self.positions: dict[Partition, int] = {}
        self.stopping = asyncio.Event()
        # Streams that resume read the topics by themselves; so many do at a time, others wait for their turn.
        self.reading_missed = asyncio.Semaphore(_MISSED_READ_AT_ONCE)
        self._database = database
        self._keyed_hash = keyed_hash
        self._records: deque[StreamedRecord] = deque()
        self._bytes = 0
        self._decoded: LruCache[tuple[Partition, int], Any] = LruCache(_DECODED_KEPT)
        self._grown = asyncio.Event()
        self._ready = asyncio.Event()
        self._wanted = asyncio.Event()
        self._streams: Counter[str] = Counter()
        self._idle_since = 0.0

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._streams.total()

    @property
    def end_number(self) -> int:
        """The number that the next record will have."""
        return self.first_number + len(self._records)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`; then every open stream ends."""
        following = asyncio.create_task(self._follow_while_wanted(), name="event feed")
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                await following
        finally:
            self.stopping.set()
            for task in (following, stopped):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def admit(self, key_id: str) -> None:
        """Count a stream of a key; `release` it when it ends. Returns once the topics are followed.

        Raises `Reject` (429) when the key has too many, and `Retry` when the process has, when it is about to
        stop, or when the stream of events cannot be reached.
        """
        if self.stopping.is_set():
            raise Retry("the gateway is about to stop")
        if self.streams >= self.limits.streams:
            raise Retry(f"{self.limits.streams} event streams are open in this process")
        if self._streams[key_id] >= self.limits.streams_per_key:
            detail = f"A key may have {self.limits.streams_per_key} at a time"
            headers = (("retry-after", "30"),)
            raise Reject(429, "too-many-streams", "Too many event streams are open", detail, headers=headers)
        self._streams[key_id] += 1
        self._wanted.set()
        try:
            await asyncio.wait_for(self._ready.wait(), _READY_S_MAX)
        except BaseException as error:
            self.release(key_id)
            if isinstance(error, TimeoutError):
                raise Retry("the topics cannot be read now") from error
            raise

    def release(self, key_id: str) -> None:
        """Note that a stream has ended."""
        self._streams[key_id] -= 1
        self._streams += Counter()  # drops the keys that have none
        self._idle_since = asyncio.get_running_loop().time()

    def kept(self, number: int, limit: int) -> Sequence[StreamedRecord]:
        """Return at most `limit` of the records from `number` on, which is still kept."""
        start = number - self.first_number
        return [self._records[index] for index in range(start, min(start + limit, len(self._records)))]

    async def wait_for_more(self, number: int, wait_s: float) -> None:
        """Return when there is a record with this number, when the role stops, or after `wait_s` seconds."""
        if self.end_number <= number and not self.stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._grown.wait(), wait_s)

    async def decode(self, records: Sequence[Record]) -> list[StreamedRecord]:
        """Return records with their events. Raises `Retry`."""
        events = await decode_records(self._database, self._keyed_hash, records)
        places = ((Partition(record.topic, record.partition), record.offset) for record in records)
        return [
            StreamedRecord(*place)
            if event is None
            else StreamedRecord(*place, BY_NAME[event.type].name, event.id, event.time, event.raw)
            for place, event in zip(places, events, strict=True)
        ]

    def data_of(self, record: StreamedRecord) -> Any:
        """Return the data of an event, decoded. All streams read the same events at about the same time."""
        decoded: Any = self._decoded.get_or_compute(
            (record.partition, record.offset), lambda: decode_data(BY_NAME[record.type], record.raw)
        )
        return decoded

    async def _follow_while_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                tail = await self.stream.tail(TOPICS)
            except Retry as error:
                log.warning("waiting", what="event stream", reason=str(error))
                await asyncio.sleep(_RETRY_S)
                continue
            try:
                self._begin_at(tail.positions)
                self._ready.set()
                await self._follow(tail)
            finally:
                self._ready.clear()
                self._begin_at({})
                await tail.close()

    async def _follow(self, tail: Tail) -> None:
        """Read until no stream has been open for a while."""
        read: Sequence[Record] = ()
        while True:
            now = asyncio.get_running_loop().time()
            if not self.streams and now - self._idle_since > self.limits.linger_s:
                self._wanted.clear()
                return
            try:
                if not read:
                    batch = await tail.poll(_POLL_RECORDS, _POLL_S)
                    read = batch.records
                    if batch.gaps:
                        self._begin_at(tail.positions)
                self._append(await self.decode(read))
                read = ()
            except Retry as error:
                log.warning("waiting", what="event stream", reason=str(error))
                await asyncio.sleep(_RETRY_S)

    def _append(self, records: Sequence[StreamedRecord]) -> None:
        for record in records:
            self._records.append(record)
            self._bytes += len(record.raw)
            self.positions[record.partition] = record.offset + 1
            if record.partition.topic == PEOPLE_ERASED.name:
                # What is kept may name the person. A stream that has not read it yet reads the topics.
                self._forget(len(self._records) - 1)
                self._decoded = LruCache(_DECODED_KEPT)
        while len(self._records) > self.limits.events_kept or self._bytes > self.limits.bytes_kept:
            self._forget(1)
        self._grown.set()
        self._grown = asyncio.Event()

    def _forget(self, count: int) -> None:
        for _ in range(count):
            oldest = self._records.popleft()
            self._bytes -= len(oldest.raw)
            self.floor[oldest.partition] = oldest.offset + 1
            self.first_number += 1

    def _begin_at(self, positions: Mapping[Partition, int]) -> None:
        """Keep nothing, and continue at a position."""
        self.first_number += len(self._records) + 1
        self._records.clear()
        self._bytes = 0
        self.floor, self.positions = dict(positions), dict(positions)

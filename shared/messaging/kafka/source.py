"""One member of a Kafka consumer group."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from shared.errors import Fenced, Retry
from shared.messaging.kafka.errors import KafkaErrorTranslation
from shared.messaging.kafka.membership import Membership, Phase
from shared.messaging.kafka.raw_batch_decoder import read_batch
from shared.messaging.kafka.stuck_detector import StuckDetector
from shared.messaging.manifest import MIB
from shared.messaging.partitioner import framed_bytes, stored_bytes
from shared.messaging.port import Batch, OnRevoke, Partition, Record

REQUEST_S_MAX = 15.0
"""How long one request to a broker may take before the broker counts as unreachable."""

_FETCH_BYTES_MAX = 8 * MIB
_STOP_S_MAX = 10.0
_REJOIN_S_MAX = 60.0
# A rebalance that begins while a fetch waits makes aiokafka wait for its end.
_FETCH_GRACE_S = 0.5
_SINGLE_READ_PAUSE_S = 0.05
_log = structlog.get_logger(__name__)

Fetched = Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class GroupTimes:
    """Time-outs of a group member, in seconds. `stuck_s`: without progress for so long, it is replaced."""

    session_s: float
    heartbeat_s: float
    revoking_s_max: float
    stuck_s: float


class KafkaSource:
    """See `port.Source`. A consumer that stops fetching is replaced; the caller sees a rebalance."""

    def __init__(
        self,
        client_options: Mapping[str, Any],
        group: str,
        topics: Mapping[str, str],
        on_revoke: OnRevoke,
        *,
        probe: AIOKafkaConsumer,
        times: GroupTimes,
    ) -> None:
        self._client_options = client_options
        self._group = group
        self._names = dict(topics)
        self._logical = {name: topic for topic, name in topics.items()}
        self._probe = probe
        self._times = times
        self._member = Membership(on_revoke, self._logical, revoking_s_max=times.revoking_s_max)
        self._consumer: AIOKafkaConsumer | None = None
        self._watching: asyncio.Task[None] | None = None
        self._needs_new_consumer = False
        # Set after a record that could not be decoded, until it has been read past.
        self._reads_singly = False
        self._closed = False
        self._paused: frozenset[Partition] = frozenset()
        self._starving_since: float | None = None
        self._polled_at = 0.0

    async def start(self) -> None:
        """Connect and join the group. Raises `Retry` when no broker is reachable."""
        self._consumer = await self._join()
        self._watching = asyncio.create_task(self._watch_for_stuck())

    async def poll(self, limit: int, wait_s: float) -> Batch:
        consumer = await self._usable_consumer()
        if not await self._member.wait_until_assigned(wait_s):
            return Batch()
        if assigned := self._member.newly_assigned():
            return Batch(assigned=assigned)
        self._apply_pauses(consumer)
        if buffered := self._take_buffered(limit):
            return Batch(buffered)
        records = await self._fetch(consumer, limit, wait_s)
        self._stop_reading_ahead(consumer, records)
        if assigned := self._member.newly_assigned():
            self._member.buffered = [*records, *self._member.buffered]
            return Batch(assigned=assigned)
        now = asyncio.get_running_loop().time()
        # Starving: consecutive polls have returned nothing. A caller that pauses its polls does not starve.
        if records or now - self._polled_at > self._times.stuck_s:
            self._starving_since = None
        elif self._starving_since is None:
            self._starving_since = now
        self._polled_at = now
        return Batch(records)

    async def commit(self, upto: Mapping[Partition, int]) -> None:
        self._member.refuse_lost(upto)
        if self._consumer is None or not upto:
            return
        offsets = {self._physical(partition): offset for partition, offset in upto.items()}
        with KafkaErrorTranslation("committing"):
            async with asyncio.timeout(REQUEST_S_MAX):
                await self._consumer.commit(offsets)

    async def seek(self, to: Mapping[Partition, int]) -> None:
        self._member.refuse_lost(to)
        consumer = await self._usable_consumer()
        self._member.buffered = [
            record for record in self._member.buffered if Partition(record.topic, record.partition) not in to
        ]
        with KafkaErrorTranslation("seeking"):
            for partition, offset in to.items():
                consumer.seek(self._physical(partition), offset)

    def pause(self, partitions: Collection[Partition]) -> None:
        self._paused = frozenset(partitions)

    def wake(self) -> None:
        """Do nothing: no role lets a poll of Kafka wait that long."""

    async def lag(self) -> Mapping[Partition, int]:
        consumer = await self._usable_consumer()
        held = {partition: self._physical(partition) for partition in self._member.held}
        if not held:
            return {}
        positions: dict[Partition, int] = {}
        with KafkaErrorTranslation("reading the lag"):
            async with asyncio.timeout(REQUEST_S_MAX):
                ends = await self._probe.end_offsets(list(held.values()))
                for partition, name in held.items():
                    # The partition was revoked during the request: it is not counted any more.
                    with suppress(IllegalStateError):
                        positions[partition] = await consumer.position(name)
        # Buffered records are fetched, but not read by the caller yet.
        buffered = Counter(Partition(record.topic, record.partition) for record in self._member.buffered)
        return {
            partition: max(0, ends[held[partition]] - position) + buffered[partition]
            for partition, position in positions.items()
        }

    async def close(self) -> None:
        self._closed = True
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        await self._leave()

    async def _join(self) -> AIOKafkaConsumer:
        times = self._times
        consumer = AIOKafkaConsumer(
            **self._client_options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=int(times.session_s * 1000),
            heartbeat_interval_ms=int(times.heartbeat_s * 1000),
            rebalance_timeout_ms=int((times.session_s + times.revoking_s_max) * 1000),
            fetch_max_bytes=_FETCH_BYTES_MAX,
        )
        try:
            with KafkaErrorTranslation("joining a group"):
                await consumer.start()
                # Not at the start: a start with topics would wait for the whole group to rebalance.
                consumer.subscribe(list(self._names.values()), listener=self._member)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _leave(self) -> None:
        """Leave the group; if no broker is reachable, the end of the session removes this member."""
        self._member.lose_all()
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            with KafkaErrorTranslation("leaving a group"):
                await asyncio.wait_for(consumer.stop(), _STOP_S_MAX)
        except Retry as error:
            _log.warning("a consumer did not leave its group cleanly", group=self._group, reason=str(error))

    async def _usable_consumer(self) -> AIOKafkaConsumer:
        if self._closed:
            raise Fenced("this member has left its group")
        if self._needs_new_consumer or self._consumer is None:
            await self._leave()
            self._consumer = await self._join()
            self._needs_new_consumer = False
            self._starving_since = None
        return self._consumer

    async def _fetch(self, consumer: AIOKafkaConsumer, limit: int, wait_s: float) -> list[Record]:
        if self._reads_singly:
            with KafkaErrorTranslation("reading past a record that aiokafka cannot decode"):
                async with asyncio.timeout(REQUEST_S_MAX):
                    return await self._fetch_singly(consumer, limit, wait_s)
        try:
            async with asyncio.timeout(wait_s + _FETCH_GRACE_S):
                fetched: Fetched = await consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=limit)
        except TimeoutError:
            return []
        except ConsumerStoppedError as error:
            raise Fenced("this member has left its group") from error
        except (KafkaError, UnicodeDecodeError) as error:
            # A failed fetch may have lost records of other partitions: only committed offsets are reliable.
            self._needs_new_consumer = True
            self._reads_singly = isinstance(error, UnicodeDecodeError)
            raise Retry(f"Kafka, fetching: {error!r}") from error
        return self._records(fetched)

    async def _fetch_singly(self, consumer: AIOKafkaConsumer, limit: int, wait_s: float) -> list[Record]:
        """Read one by one up to the record that fails, so that its offset is known and no record is lost."""
        for name in consumer.assignment():
            records: list[Record] = []
            while len(records) < limit:
                try:
                    got: Fetched = await consumer.getmany(name, max_records=1)
                except UnicodeDecodeError:
                    # After records of this poll, the next poll meets the same record first.
                    return records or await self._read_past(consumer, name, limit)
                if not got:
                    break
                records += self._records(got)
            if records:
                return records
        await asyncio.sleep(min(wait_s, _SINGLE_READ_PAUSE_S))
        return []

    async def _read_past(self, consumer: AIOKafkaConsumer, name: TopicPartition, limit: int) -> list[Record]:
        held = self._member.held
        offset = await consumer.position(name)
        records = await read_batch(self._client_options, name, offset, self._logical[name.topic])
        if not records or self._member.held is not held:
            # After a rebalance reading starts again at the committed offsets.
            return []
        consumer.seek(name, records[-1].offset + 1)
        self._reads_singly = False
        self._member.buffered = records[limit:]
        return records[:limit]

    def _records(self, fetched: Fetched) -> list[Record]:
        records: list[Record] = []
        for (name, number), of_partition in fetched.items():
            topic = self._logical[name]
            records += [
                Record(
                    topic,
                    number,
                    raw.offset,
                    raw.key,
                    raw.value,
                    raw.headers,
                    raw.timestamp,
                    framed_bytes(raw.key, raw.value, raw.headers),
                )
                for raw in of_partition
            ]
        return records

    def _take_buffered(self, limit: int) -> list[Record]:
        """Remove from the buffer, and return, at most `limit` records of partitions that are not paused."""
        taken: list[Record] = []
        kept: list[Record] = []
        for record in self._member.buffered:
            is_paused = Partition(record.topic, record.partition) in self._paused
            (kept if is_paused or len(taken) == limit else taken).append(record)
        self._member.buffered = kept
        return taken

    def _apply_pauses(self, consumer: AIOKafkaConsumer) -> None:
        """Pause in the client what is to be paused; a partition that it has just lost is left out."""
        paused = {self._physical(partition) for partition in self._paused & self._member.held}
        with suppress(IllegalStateError):
            before = consumer.paused()
            if paused != before:
                consumer.resume(*(before - paused))
                consumer.pause(*(paused - before))

    def _stop_reading_ahead(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        """Fetch nothing until the next poll, when records came that are larger than Baton's own.

        The client fetches ahead for every partition that has nothing left, however much it holds for others.
        With a record of 16 MiB in each partition that would be hundreds of megabytes.
        """
        if any(stored_bytes(record) > 2 * MIB for record in records):
            with suppress(IllegalStateError):  # it has just lost a partition
                consumer.pause(*map(self._physical, self._member.held))

    def _physical(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._names[partition.topic], partition.number)

    async def _watch_for_stuck(self) -> None:
        detector = StuckDetector(self._times.stuck_s)
        while True:
            await asyncio.sleep(self._times.stuck_s / 4)
            if await self._is_stuck(detector):
                _log.warning("the consumer has stopped fetching; it is replaced", group=self._group)
                detector.forget()
                self._needs_new_consumer = True

    async def _is_stuck(self, detector: StuckDetector) -> bool:
        now = asyncio.get_running_loop().time()
        consumer = self._consumer
        if self._needs_new_consumer or consumer is None:
            return False
        if self._member.phase is Phase.JOINING:
            return now - self._member.joining_since_s > _REJOIN_S_MAX and await self._reaches_a_broker()
        if self._starving_since is None:
            detector.forget()
            return False
        names = [self._physical(partition) for partition in self._member.held - self._paused]
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                ends = await self._probe.end_offsets(names)
        except (KafkaError, TimeoutError):
            detector.forget()
            return False
        positions = await asyncio.gather(*(_position(consumer, name) for name in names))
        return detector.observe(now, dict(zip(names, positions, strict=True)), ends)

    async def _reaches_a_broker(self) -> bool:
        """Tell whether a broker responds; without one, a new consumer could not join either."""
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                await self._probe.topics()
        except (KafkaError, TimeoutError):
            return False
        return True


async def _position(consumer: AIOKafkaConsumer, name: TopicPartition) -> int:
    """Return the next offset to fetch, -1 while the consumer cannot tell."""
    try:
        async with asyncio.timeout(1.0):
            position: int = await consumer.position(name)
    except (KafkaError, TimeoutError):
        return -1
    return position

"""A tail of the stream on Kafka: a consumer without a group, assigned all partitions of its topics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from shared.errors import Fenced, Retry
from shared.messaging.kafka.errors import KafkaErrorTranslation
from shared.messaging.kafka.raw_batch_decoder import read_batch
from shared.messaging.kafka.source import REQUEST_S_MAX, Fetched
from shared.messaging.manifest import MIB
from shared.messaging.port import Gap, Partition, Record, TailBatch

_FETCH_BYTES_MAX = 8 * MIB
_FETCH_GRACE_S = 0.5
_STOP_S_MAX = 10.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TailTimes:
    """In seconds. After `stuck_s` without records a tail checks whether there are some.

    Every `metadata_s` it asks the broker which partitions there are.
    """

    stuck_s: float
    metadata_s: float


class KafkaTail:
    """See `port.Tail`. `topics` maps the name on the broker to Baton's, `partitions` is how many each has.

    It knows its positions itself, and after every error a new consumer continues there.
    """

    def __init__(
        self,
        client_options: Mapping[str, Any],
        topics: Mapping[str, str],
        partitions: int,
        start: Mapping[Partition, int] | None,
        *,
        times: TailTimes,
    ) -> None:
        self._client_options = client_options
        self._topics = topics
        self._times = times
        self._names = {TopicPartition(name, number) for name in topics for number in range(partitions)}
        self._starts_at_end = start is None
        self._wanted = {} if start is None else dict(start)
        self._positions: dict[Partition, int] = {}
        self._gaps: list[Gap] = []
        self._buffered: list[Record] = []
        self._consumer: AIOKafkaConsumer | None = None
        self._closed = False
        self._records_at = 0.0

    @property
    def positions(self) -> Mapping[Partition, int]:
        return self._positions

    async def start(self) -> None:
        """Connect, and find where to begin. Raises `Retry` when no broker is reachable."""
        self._consumer = await self._assigned_consumer()

    async def poll(self, limit: int, wait_s: float) -> TailBatch:
        if self._closed:
            raise Fenced("this tail is closed")
        if self._consumer is None and not self._buffered:
            # Not before all that was read without it is handed out: it begins at the positions.
            self._consumer = await self._assigned_consumer()
        if self._gaps:
            gaps, self._gaps = self._gaps, []
            return TailBatch(gaps=gaps)
        if self._consumer is not None and not self._buffered:
            self._buffered = await self._fetch(self._consumer, limit, wait_s)
        records, self._buffered = self._buffered[:limit], self._buffered[limit:]
        self._positions.update(
            {Partition(record.topic, record.partition): record.offset + 1 for record in records}
        )
        return TailBatch(records)

    async def close(self) -> None:
        self._closed = True
        await self._drop_consumer()

    async def _fetch(self, consumer: AIOKafkaConsumer, limit: int, wait_s: float) -> list[Record]:
        try:
            async with asyncio.timeout(wait_s + _FETCH_GRACE_S):
                fetched: Fetched = await consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=limit)
        except TimeoutError:
            fetched = {}
        except OffsetOutOfRangeError:
            # Records were deleted before they were read: the next consumer begins with a gap.
            await self._drop_consumer()
            return []
        except UnicodeDecodeError:
            return await self._fetch_batches()
        except (KafkaError, ConsumerStoppedError) as error:
            await self._drop_consumer()
            raise Retry(f"Kafka, fetching: {error!r}") from error
        records = [
            Record(self._topics[name], number, raw.offset, raw.key, raw.value, raw.headers, raw.timestamp)
            for (name, number), of_partition in fetched.items()
            for raw in of_partition
        ]
        await self._check(consumer, has_records=bool(records))
        return records

    async def _fetch_batches(self) -> list[Record]:
        """Read one batch of each partition, one of which aiokafka cannot decode, and drop the consumer.

        It may have lost records of other partitions by the error.
        """
        records: list[Record] = []
        await self._drop_consumer()
        with KafkaErrorTranslation("reading past a record that aiokafka cannot decode"):
            async with asyncio.timeout(REQUEST_S_MAX):
                for name in sorted(self._names):
                    topic = self._topics[name.topic]
                    position = self._positions[Partition(topic, name.partition)]
                    records += await read_batch(self._client_options, name, position, topic)
        return records

    async def _check(self, consumer: AIOKafkaConsumer, *, has_records: bool) -> None:
        """Drop a consumer that has stopped fetching, and one whose topics have more partitions by now."""
        now = asyncio.get_running_loop().time()
        if has_records:
            self._records_at = now
        for topic in self._topics:
            known = {name.partition for name in self._names if name.topic == topic}
            if added := (consumer.partitions_for_topic(topic) or set()) - known:
                _log.info("a topic has more partitions", topic=topic, partitions=sorted(added))
                self._names |= {TopicPartition(topic, number) for number in added}
                await self._drop_consumer()
                return
        if now - self._records_at < self._times.stuck_s:
            return
        self._records_at = now
        with KafkaErrorTranslation("reading the ends of a tail"):
            async with asyncio.timeout(REQUEST_S_MAX):
                ends = await consumer.end_offsets(list(self._names))
        # aiokafka can stop fetching after a broker restart without an error (aio-libs/aiokafka#1154).
        if any(end > self._positions[self._partition(name)] for name, end in ends.items()):
            _log.warning("a tail has stopped fetching; its consumer is replaced")
            await self._drop_consumer()

    async def _assigned_consumer(self) -> AIOKafkaConsumer:
        """Return a new consumer that fetches from the present positions, or from where the tail begins."""
        consumer = AIOKafkaConsumer(
            **self._client_options,
            enable_auto_commit=False,
            auto_offset_reset="none",  # a position that is not there is reported as a gap
            fetch_max_bytes=_FETCH_BYTES_MAX,
            metadata_max_age_ms=int(self._times.metadata_s * 1000),
        )
        try:
            with KafkaErrorTranslation("opening a tail"):
                async with asyncio.timeout(REQUEST_S_MAX):
                    await consumer.start()
                    firsts = await consumer.beginning_offsets(list(self._names))
                    ends = await consumer.end_offsets(list(self._names))
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign(list(self._names))
        for name in self._names:
            partition, first, end = self._partition(name), firsts[name], ends[name]
            begin = end if self._starts_at_end else self._wanted.get(partition, first)
            position = self._positions.get(partition, begin)
            if not first <= position <= end:
                self._gaps.append(Gap(partition, position, first))
                position = first
            self._positions[partition] = position
            consumer.seek(name, position)
        self._starts_at_end = False
        self._records_at = asyncio.get_running_loop().time()
        return consumer

    async def _drop_consumer(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), _STOP_S_MAX)

    def _partition(self, name: TopicPartition) -> Partition:
        return Partition(self._topics[name.topic], name.partition)

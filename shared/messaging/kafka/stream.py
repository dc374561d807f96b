"""The stream on Kafka: connects, checks that topics are as declared, makes sources and sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.errors import Crash
from shared.messaging.kafka.errors import KafkaErrorTranslation
from shared.messaging.kafka.sink import KafkaSink
from shared.messaging.kafka.source import GroupTimes, KafkaSource
from shared.messaging.kafka.tail import KafkaTail, TailTimes
from shared.messaging.kafka.topics import Declared, ensure_topics
from shared.messaging.manifest import TOPICS, Topic
from shared.messaging.partitioner import Partitioner
from shared.messaging.port import OnRevoke, Partition, Sink, Source, Tail

PING_S_MAX = 5.0

_DAY_MS = 86_400_000


class KafkaStream:
    """See `port.Stream`. `bootstrap` lists `host:port` of some brokers, `security` is `security_options`.

    A tail asks every `metadata_s` seconds which partitions its topics have.
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        *,
        prefix: str,
        partitions: int,
        retention_days: float,
        create_topics: bool,
        security: Mapping[str, Any] | None = None,
        topics: Sequence[Topic] = TOPICS,
        session_s: float = 10.0,
        heartbeat_s: float = 1.0,
        revoking_s_max: float = 10.0,
        stuck_s: float = 20.0,
        metadata_s: float = 30.0,
    ) -> None:
        self._client_options = {"bootstrap_servers": list(bootstrap), **(security or {})}
        self._prefix = prefix
        self._create_topics = create_topics
        self._partitioner = Partitioner(topics, partitions)
        self._declared = Declared(prefix, partitions, int(retention_days * _DAY_MS), topics)
        self._times = GroupTimes(session_s, heartbeat_s, revoking_s_max, stuck_s)
        self._tail_times = TailTimes(stuck_s, metadata_s)
        self._probe: AIOKafkaConsumer | None = None

    async def open(self) -> None:
        with KafkaErrorTranslation("checking the topics"):
            admin = AIOKafkaAdminClient(**self._client_options)
            try:
                await admin.start()
                await ensure_topics(admin, self._declared, create=self._create_topics)
            finally:
                await admin.close()
        probe = AIOKafkaConsumer(**self._client_options)
        try:
            with KafkaErrorTranslation("connecting"):
                await probe.start()
                await probe.topics()
        except BaseException:
            await probe.stop()
            raise
        self._probe = probe

    async def source(self, group: str, topics: Sequence[str], on_revoke: OnRevoke) -> Source:
        names = {topic: f"{self._prefix}.{topic}" for topic in topics}
        source = KafkaSource(
            self._client_options,
            f"{self._prefix}.{group}",
            names,
            on_revoke,
            probe=self._connected(),
            times=self._times,
        )
        await source.start()
        return source

    async def tail(self, topics: Sequence[str], start: Mapping[Partition, int] | None = None) -> Tail:
        names = {f"{self._prefix}.{topic}": topic for topic in topics}
        tail = KafkaTail(
            self._client_options, names, self._declared.partitions, start, times=self._tail_times
        )
        await tail.start()
        return tail

    async def sink(self) -> Sink:
        sink = KafkaSink(self._client_options, self._partitioner, self._prefix)
        await sink.start()
        return sink

    async def ping(self) -> None:
        # One partition only: metadata of all costs 10 % of a gateway's CPU on a broker with thousands.
        partition = TopicPartition(f"{self._prefix}.{next(iter(self._partitioner.topics))}", 0)
        with KafkaErrorTranslation("a ping"):
            async with asyncio.timeout(PING_S_MAX):
                await self._connected().end_offsets([partition])

    async def close(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            await probe.stop()

    def _connected(self) -> AIOKafkaConsumer:
        if self._probe is None:
            raise Crash("the stream is not open")
        return self._probe

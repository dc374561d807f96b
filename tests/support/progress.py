"""How much of the stream no role has committed yet, asked of the stream itself."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.messaging.manifest import TOPICS
from tests.support.topology import Topology

# The gateway reads to show, and commits nothing.
_GROUPS = frozenset(reader for topic in TOPICS for reader in topic.readers) - {"gateway"}


async def unread(topology: Topology) -> Mapping[str, int]:
    """Return the number of records that are not committed, by group and topic; those with none left out."""
    counts = _embedded_unread(topology) if topology.embedded else await _kafka_unread(topology)
    return {place: count for place, count in counts.items() if count}


def _embedded_unread(topology: Topology) -> Mapping[str, int]:
    file = topology.data_dir / "stream.db"
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
    try:
        rows = connection.execute(
            "SELECT member_group, topic, sum(log.next_offset - committed.next_offset)"
            " FROM committed JOIN log ON log.id = committed.log GROUP BY 1, 2"
        ).fetchall()
    finally:
        connection.close()
    committing = {f"{topology.prefix}.{group}" for group in _GROUPS}
    return {f"{topic} by {group}": count for group, topic, count in rows if group in committing}


async def _kafka_unread(topology: Topology) -> Mapping[str, int]:
    servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await consumer.start()
        await admin.start()
        ends = await consumer.end_offsets(
            _partitions(topology, await admin.describe_topics(_names(topology)))
        )
        counts: dict[str, int] = defaultdict(int)
        for group in _GROUPS:
            committed = await admin.list_consumer_group_offsets(f"{topology.prefix}.{group}")
            read = {topology.topic(topic.name) for topic in TOPICS if group in topic.readers}
            for partition, end in ends.items():
                if partition.topic in read:
                    place = committed.get(partition)
                    counts[f"{partition.topic} by {group}"] += end - (place.offset if place else 0)
        return counts
    finally:
        await consumer.stop()
        await admin.close()


def _names(topology: Topology) -> list[str]:
    return [topology.topic(topic.name) for topic in TOPICS]


def _partitions(topology: Topology, described: list[dict[str, object]]) -> list[TopicPartition]:
    return [
        TopicPartition(str(topic["topic"]), number)
        for topic in described
        for number in range(len(topic["partitions"]))  # type: ignore[arg-type]
    ]

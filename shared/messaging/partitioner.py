"""The partition of a record, and whether the record fits its topic; the same rules for every adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from zlib import crc32

from shared.errors import Crash, DataError
from shared.messaging.manifest import Topic
from shared.messaging.port import Headers, Outgoing, Partition, Record

_FRAME_BYTES = 96
_HEADER_FRAME_BYTES = 10


def stored_bytes(record: Outgoing | Record) -> int:
    """Return an upper bound of the record's bytes in a log: its content in Kafka's framing of one record."""
    if isinstance(record, Record) and record.bytes_held:
        return record.bytes_held
    return framed_bytes(record.key, record.value, record.headers)


def framed_bytes(key: bytes | None, content: bytes | None, headers: Headers) -> int:
    """Return what `stored_bytes` does, of the parts of a record."""
    size = _FRAME_BYTES + len(key or b"") + len(content or b"")
    for name, value in headers:
        length = len(name) if name.isascii() else len(name.encode())
        size += _HEADER_FRAME_BYTES + length + (len(value) if value else 0)
    return size


def refuse_oversized(record: Outgoing, topic: Topic) -> None:
    """Raise `DataError` if the topic can never take the record."""
    size = stored_bytes(record)
    if size > topic.record_bytes_max:
        message = f"{topic.name} takes records of {topic.record_bytes_max} bytes, this one has {size}"
        raise DataError(message, kind="oversized")


class Partitioner:
    """Assigns records to partitions: by crc32 of the key, round-robin for records without a key."""

    def __init__(self, topics: Sequence[Topic], partitions: int) -> None:
        self.topics: Mapping[str, Topic] = {topic.name: topic for topic in topics}
        self._partitions = partitions
        self._round_robin = count()

    def by_partition(self, out: Sequence[Outgoing]) -> dict[Partition, list[Outgoing]]:
        """Group the records by partition, each group in the given order."""
        numbers = self._partitions
        groups: dict[tuple[str, int], list[Outgoing]] = {}
        for record in out:
            key = record.key
            number = (crc32(key) if key is not None else next(self._round_robin)) % numbers
            name = (record.topic, number)
            group = groups.get(name)
            if group is None:
                groups[name] = [record]
            else:
                group.append(record)
        if unknown := {topic for topic, _ in groups} - self.topics.keys():
            raise Crash(f"not in the manifest of topics: {', '.join(sorted(unknown))}")
        return {Partition(*name): group for name, group in groups.items()}

    def partition_for(self, record: Outgoing) -> Partition:
        """Return the partition of one record."""
        if record.topic not in self.topics:
            raise Crash(f"not in the manifest of topics: {record.topic}")
        number = crc32(record.key) if record.key is not None else next(self._round_robin)
        return Partition(record.topic, number % self._partitions)

"""Where a record goes and whether it fits: decided here once, so that every adapter answers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from zlib import crc32

from shared.errors import Crash, DataError
from shared.messaging.manifest import Topic
from shared.messaging.port import Outgoing, Partition

_FRAME_BYTES = 96
_HEADER_FRAME_BYTES = 10


def stored_bytes(record: Outgoing) -> int:
    """Return what the record takes in a log, at most: Kafka's framing of a record that stands alone."""
    size = _FRAME_BYTES + len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += _HEADER_FRAME_BYTES + len(name.encode()) + len(value or b"")
    return size


def refuse_oversized(record: Outgoing, topic: Topic) -> None:
    """Raise `DataError` if the topic can never take the record."""
    size = stored_bytes(record)
    if size > topic.record_bytes_max:
        message = f"{topic.name} takes records of {topic.record_bytes_max} bytes, this one has {size}"
        raise DataError(message, kind="oversized")


class Partitioner:
    """Sorts records by the partition they go to: crc32 of the key, or in turn when there is no key."""

    def __init__(self, topics: Sequence[Topic], partitions: int) -> None:
        self.topics: Mapping[str, Topic] = {topic.name: topic for topic in topics}
        self._partitions = partitions
        self._turn = count()

    def place(self, out: Sequence[Outgoing]) -> dict[Partition, list[Outgoing]]:
        """Group the records by partition, each group in the given order."""
        numbers = self._partitions
        groups: dict[tuple[str, int], list[Outgoing]] = {}
        for record in out:
            key = record.key
            number = (crc32(key) if key is not None else next(self._turn)) % numbers
            place = (record.topic, number)
            group = groups.get(place)
            if group is None:
                groups[place] = [record]
            else:
                group.append(record)
        if unknown := {topic for topic, _ in groups} - self.topics.keys():
            raise Crash(f"not in the manifest of topics: {', '.join(sorted(unknown))}")
        return {Partition(*place): group for place, group in groups.items()}

    def partition_for(self, record: Outgoing) -> Partition:
        """Return where one record goes."""
        if record.topic not in self.topics:
            raise Crash(f"not in the manifest of topics: {record.topic}")
        number = crc32(record.key) if record.key is not None else next(self._turn)
        return Partition(record.topic, number % self._partitions)

"""Tracks which records are in flight, and from that which offsets may be committed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from shared.messaging.port import Partition, Record


class TrackedRecord:
    """Records in flight together; `upto` is per partition the offset after the last of them."""

    __slots__ = ("done", "upto")

    def __init__(self, upto: Mapping[Partition, int]) -> None:
        self.upto = upto
        self.done = False


class OffsetTracker:
    """Per partition a queue of what is in flight, in the order of the offsets.

    Records may finish in any order, but a committed offset means that everything before it is done. So only
    the finished entries at the head of a queue count. `progress` is set when more may be committed.
    """

    def __init__(self) -> None:
        self.progress = asyncio.Event()
        self._queues: dict[Partition, deque[TrackedRecord]] = {}
        self._revoked: set[Partition] = set()
        self._published: list[int] = []

    def assign(self, partitions: Collection[Partition]) -> None:
        """Begin to track these partitions, which are read from their committed offsets."""
        self.drop(partitions)  # records begun during an earlier assignment are read again
        self._revoked.difference_update(partitions)

    def revoke(self, partitions: Iterable[Partition]) -> None:
        """Do not begin any more records of these partitions."""
        self._revoked.update(partitions)

    def still_assigned(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that may begin: a partition can be revoked while its records wait for a slot."""
        if not self._revoked:
            return records
        return [
            record for record in records if Partition(record.topic, record.partition) not in self._revoked
        ]

    def begin(self, records: Sequence[Record]) -> TrackedRecord:
        """Track these records, which are in the order in which they were read."""
        tracked = TrackedRecord(
            {Partition(record.topic, record.partition): record.offset + 1 for record in records}
        )
        for partition in tracked.upto:
            self._queues.setdefault(partition, deque()).append(tracked)
        return tracked

    def finish(self, tracked: TrackedRecord) -> None:
        """Mark the records as done: all their effects are durable and published."""
        tracked.done = True
        self.progress.set()

    def add_published(self, outbox_ids: Sequence[int]) -> None:
        """Add outbox rows whose records are published; they can be deleted."""
        self._published += outbox_ids
        self.progress.set()

    def pop_published(self) -> list[int]:
        """Return the outbox rows added since the last call."""
        published, self._published = self._published, []
        return published

    def committable(self) -> dict[Partition, int]:
        """Return per partition the offset to commit; partitions without progress are left out."""
        upto: dict[Partition, int] = {}
        for partition, queue in self._queues.items():
            for tracked in queue:
                if not tracked.done:
                    break
                upto[partition] = tracked.upto[partition]
        return upto

    def committed(self, upto: Mapping[Partition, int]) -> None:
        """Remove what these committed offsets cover."""
        for partition, offset in upto.items():
            queue = self._queues.get(partition, deque())
            while queue and queue[0].done and queue[0].upto[partition] <= offset:
                queue.popleft()

    def has_pending(self, partitions: Iterable[Partition] | None = None) -> bool:
        """Tell whether records of these partitions, or of any, are not finished or not committed."""
        queues = self._queues
        return any(queues.get(partition) for partition in (queues if partitions is None else partitions))

    def drop(self, partitions: Iterable[Partition] | None = None) -> None:
        """Stop tracking what is in flight of these partitions, or of all; it will be read again."""
        for partition in list(self._queues) if partitions is None else partitions:
            self._queues.pop(partition, None)

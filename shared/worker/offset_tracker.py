"""How far the input has been dealt with: what is in flight, and which offsets may be committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from shared.messaging.port import Partition, Record


class TrackedRecord:
    """Some records in flight, and the offsets that they reach up to."""

    __slots__ = ("done", "upto")

    def __init__(self, upto: Mapping[Partition, int]) -> None:
        self.upto = upto
        self.done = False


class OffsetTracker:
    """Per partition the tokens in the order of their offsets; only a finished prefix may be committed."""

    def __init__(self) -> None:
        self._line: dict[Partition, deque[TrackedRecord]] = {}
        self._lost: set[Partition] = set()
        self._published: list[int] = []

    def gain(self, partitions: Collection[Partition]) -> None:
        """Note that these partitions are ours from now on, read from where they were last committed."""
        self.drop(partitions)  # what was begun while they were ours before is read again
        self._lost.difference_update(partitions)

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Note that nothing more of these partitions may be begun."""
        self._lost.update(partitions)

    def held(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that may still be begun: a partition can be lost while they wait their turn."""
        if not self._lost:
            return records
        return [each for each in records if Partition(each.topic, each.partition) not in self._lost]

    def begin(self, records: Sequence[Record]) -> TrackedRecord:
        """Note that these records, read in this order, are in flight."""
        token = TrackedRecord(
            {Partition(record.topic, record.partition): record.offset + 1 for record in records}
        )
        for partition in token.upto:
            self._line.setdefault(partition, deque()).append(token)
        return token

    def finish(self, token: TrackedRecord) -> None:
        """Note that all effects of the token's records are durable and published."""
        token.done = True

    def published(self, outbox_ids: Sequence[int]) -> None:
        """Note that these outbox rows can be forgotten."""
        self._published += outbox_ids

    def take_published(self) -> list[int]:
        """Return the outbox rows that can be forgotten, once."""
        published, self._published = self._published, []
        return published

    def committable(self) -> dict[Partition, int]:
        """Return, per partition, the offset up to which every record is done, where that is news."""
        upto: dict[Partition, int] = {}
        for partition, line in self._line.items():
            for token in line:
                if not token.done:
                    break
                upto[partition] = token.upto[partition]
        return upto

    def committed(self, upto: Mapping[Partition, int]) -> None:
        """Note that these offsets are committed."""
        for partition, offset in upto.items():
            line = self._line.get(partition, deque())
            while line and line[0].done and line[0].upto[partition] <= offset:
                line.popleft()

    def busy(self) -> bool:
        """Tell whether anything is not finished or not committed."""
        return self.in_hand(self._line)

    def in_hand(self, partitions: Iterable[Partition]) -> bool:
        """Tell whether anything of these partitions is not finished or not committed."""
        return any(self._line.get(partition) for partition in partitions)

    def drop(self, partitions: Iterable[Partition] | None = None) -> None:
        """Forget what is in flight of these partitions, or of all: another reads it again, or we do."""
        for partition in list(self._line) if partitions is None else partitions:
            self._line.pop(partition, None)

"""A circuit breaker per partition: a role that fails on most of Baton's own events stops reading them.

Records of outside producers may be anything, and each that cannot be processed becomes a dead letter. Baton's
own events are valid: when many of them fail, the fault is more likely in the role or in its tables, and to go
on would dead-letter everything. So the partitions in which they failed are paused, and from time to time one
record is tried, until one succeeds. Pure: instants are parameters.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from shared.messaging.port import Partition, Record

_OWN_SOURCES = b"/baton/"


class Processed(Struct, frozen=True):
    """A record that was processed; `failed` if it was rejected."""

    record: Record
    failed: bool


def is_own_event(record: Record) -> bool:
    """Tell whether a record names a role of Baton as its source."""
    for name, value in record.headers:
        if name == "ce_source" and value is not None and value.startswith(_OWN_SOURCES):
            return True
    return False


class PartitionBreaker:
    """Opens when more than `share_max_percent` of the last `window` own events failed.

    It opens for the partitions in which they failed. `probe_every_s` seconds later one record of an open
    partition may be tried, the probe. If it succeeds the partition closes, else it stays open for another
    interval. A probe that fails and is no own event says nothing about the role: the next one is due at once.
    """

    def __init__(
        self, *, window: int = 1_000, share_max_percent: int = 50, probe_every_s: float = 5.0
    ) -> None:
        self._window_max = window
        self._share_max_percent = share_max_percent
        self._probe_every_s = probe_every_s
        self._window: deque[tuple[int, Counter[Partition]]] = deque()
        self._total = 0
        self._failures: Counter[Partition] = Counter()
        self._due_at: dict[Partition, float] = {}
        self._probes: dict[Partition, int | None] = {}
        """The offset of the probe in each partition that is probed, None until it is read."""

    @property
    def open(self) -> frozenset[Partition]:
        """The partitions of which at most one record at a time is processed."""
        return frozenset(self._due_at)

    def observe(self, at_s: float, processed: Sequence[Processed]) -> frozenset[Partition]:
        """Take in what became of some records; return the partitions that this opens the breaker for."""
        own_failures: Counter[Partition] = Counter()
        own_total = 0
        for one in processed:
            is_own = is_own_event(one.record)
            if not (self._due_at or one.failed):  # the usual case
                own_total += is_own
                continue
            partition = _partition_of(one.record)
            if partition not in self._due_at:
                own_total += is_own
                own_failures[partition] += is_own and one.failed
            elif self._probes.get(partition) == one.record.offset:
                self._end_probe(at_s, partition, failed=one.failed, is_own=is_own)
        self._add(own_total, +own_failures)
        failed = self._failures.total()
        if self._total < self._window_max or failed * 100 <= self._total * self._share_max_percent:
            return frozenset()
        opened = frozenset(+self._failures)
        self._window.clear()
        self._failures.clear()
        self._total = 0
        self._due_at.update(dict.fromkeys(opened, at_s + self._probe_every_s))
        return opened

    def paused(self, at_s: float) -> frozenset[Partition]:
        """Return the partitions not to read from: open ones that wait for a probe or for its result."""
        for partition, due_at in self._due_at.items():
            if due_at <= at_s:
                self._probes.setdefault(partition, None)
        return frozenset(
            partition for partition in self._due_at if self._probes.get(partition, -1) is not None
        )

    def admit(self, records: Iterable[Record]) -> tuple[list[Record], dict[Partition, int]]:
        """Return the records to process, and the offsets to read again from later.

        Of a partition that is probed the first record is admitted, of other open partitions none.
        """
        admitted: list[Record] = []
        read_again: dict[Partition, int] = {}
        for record in records:
            partition = _partition_of(record)
            if partition in read_again:
                continue
            if partition in self._due_at:
                if self._probes.get(partition, -1) is not None:
                    read_again[partition] = record.offset
                    continue
                self._probes[partition] = record.offset
                read_again[partition] = record.offset + 1
            admitted.append(record)
        return admitted, read_again

    def forget_probes(self) -> None:
        """Forget the probes in flight: a new session reads them again."""
        self._probes.clear()

    def forget(self, partitions: Collection[Partition]) -> None:
        """Close the breaker for partitions that another member reads from now on."""
        for partition in partitions:
            self._due_at.pop(partition, None)
            self._probes.pop(partition, None)

    def _add(self, total: int, failures: Counter[Partition]) -> None:
        """Add a batch to the window, and drop the oldest ones that are not needed to fill it."""
        self._window.append((total, failures))
        self._total += total
        self._failures.update(failures)
        while self._total - self._window[0][0] >= self._window_max:
            oldest_total, oldest_failures = self._window.popleft()
            self._total -= oldest_total
            self._failures.subtract(oldest_failures)

    def _end_probe(self, at_s: float, partition: Partition, *, failed: bool, is_own: bool) -> None:
        del self._probes[partition]
        if not failed:
            del self._due_at[partition]
        elif is_own:
            self._due_at[partition] = at_s + self._probe_every_s


def _partition_of(record: Record) -> Partition:
    return Partition(record.topic, record.partition)

"""The port of the stream: partitioned logs of records, read by groups that share the partitions.

Two adapters keep this contract, `kafka` and `embedded`, and one conformance suite holds both to it:

* Records of one partition are delivered in the order of their offsets, and appended in the order in
  which `Sink.send` was called.
* Records that were not committed are delivered again after a crash or a rebalance: at least once.
* A partition belongs to one member of a group at a time. A member that lost a partition learns of it by
  its `on_revoke` callback, or, when it was too slow, by `Fenced` from `commit`.
* All topics of one source have the same number of partitions, and partition N of each is with one member.
* A tail reads all partitions of its topics, in the same order, without a group. Whoever opens it says where
  it begins.

Topics are named here without prefix (`leads.received.v1`); an adapter adds the prefix. A transient
failure (no broker reachable, a time-out) is raised as `shared.errors.Retry`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from msgspec import Struct

Headers = Sequence[tuple[str, bytes | None]]
"""Kafka allows a header without a value, so an outside producer may send one."""


class Partition(NamedTuple):
    """One log of a topic."""

    topic: str
    number: int


class Record(Struct, frozen=True, gc=False):
    """One record as it was read. `timestamp_ms` is when it was appended, in milliseconds since 1970.

    `bytes_held` is what `stored_bytes` counts, which is asked several times, 0 if it was not counted yet.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    bytes_held: int = 0


class Outgoing(Struct, frozen=True, gc=False):
    """One record to append. Its partition is crc32 of the key; without a key, any."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of one poll: newly assigned partitions (then without records), or records.

    The records of one partition are in order, and follow those of the batch before without a gap.
    """

    records: Sequence[Record] = ()
    assigned: frozenset[Partition] = frozenset()


OnRevoke = Callable[[frozenset[Partition]], Awaitable[None]]
"""Called with the partitions about to be revoked, while they can still be committed; returns in seconds."""


class Source(Protocol):
    """One member of one consumer group."""

    async def poll(self, limit: int, wait_s: float) -> Batch:
        """Return at most `limit` records, after at most about `wait_s` seconds; maybe none."""
        ...

    async def commit(self, upto: Mapping[Partition, int]) -> None:
        """Store durably, per partition, the offset of the next record to read. Raises `Fenced`."""
        ...

    async def seek(self, to: Mapping[Partition, int]) -> None:
        """Continue reading at these offsets, in partitions that this member holds. Commits nothing."""
        ...

    def pause(self, partitions: Collection[Partition]) -> None:
        """Let polls return no records of exactly these partitions; an empty collection resumes all.

        A partition that is not held is paused when it is assigned. Records that were fetched and not returned
        are read again after the pause.
        """
        ...

    def wake(self) -> None:
        """Let a poll that waits for more than a second return, without records."""
        ...

    async def lag(self) -> Mapping[Partition, int]:
        """Return per held partition how many records this member has not read yet."""
        ...

    async def close(self) -> None:
        """Leave the group at once, so that others take over without waiting."""
        ...


class Gap(NamedTuple):
    """A position that the log of a partition does not have: reading continues at `found`, not at `wanted`.

    The records from `wanted` on are no longer kept, or, where `found` is the smaller one, have never been in
    this log: the position is one of another log, which it has replaced.
    """

    partition: Partition
    wanted: int
    found: int


@dataclass(frozen=True, slots=True)
class TailBatch:
    """The result of one poll of a tail: gaps, or records, in order per partition, or nothing."""

    records: Sequence[Record] = ()
    gaps: Sequence[Gap] = ()


class Tail(Protocol):
    """Reads all partitions of topics as no member of a group: it commits nothing and takes from nobody."""

    @property
    def positions(self) -> Mapping[Partition, int]:
        """The offset of the next record to return, of every partition."""
        ...

    async def poll(self, limit: int, wait_s: float) -> TailBatch:
        """Return at most `limit` records, after at most about `wait_s` seconds; maybe none.

        A gap is returned once, before the records that follow it. Raises `Retry` when the stream cannot be
        reached: a later poll continues at the same positions, so that no record is missed or returned twice.
        A partition that is added to a topic is read too, from its first record.
        """
        ...

    async def close(self) -> None:
        """Release its connection."""
        ...


Ack = Awaitable[None]
"""Completes when the records are durable. Raises `Retry` when that is not known, `DataError` when a record
can never be appended because it is too large."""


class Sink(Protocol):
    """Appends records."""

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        """Queue the records and return; the returned `Ack` completes when they are durable.

        Two sends from one task keep their order per partition. Waits while the queue is full.
        """
        ...

    async def close(self) -> None:
        """Send what is queued, then release the connection."""
        ...


class Stream(Protocol):
    """A broker, or the embedded file that takes its place."""

    async def open(self) -> None:
        """Connect, and check that every topic of the manifest is as declared (or create it, when allowed).

        Raises `Crash` with the difference when a topic has other partitions or sizes than declared.
        """
        ...

    async def source(self, group: str, topics: Sequence[str], on_revoke: OnRevoke) -> Source:
        """Join `group` (named without prefix, e.g. `router`) as a new member that reads `topics`."""
        ...

    async def tail(self, topics: Sequence[str], start: Mapping[Partition, int] | None = None) -> Tail:
        """Return a tail of `topics`, which begins at the present end of each partition.

        With `start` it begins at these offsets, and at the first record of a partition that `start` does not
        name; what `start` names and does not exist is ignored. An offset that the log does not have is a
        `Gap`, and reading begins at the first record that is kept.
        """
        ...

    async def sink(self) -> Sink:
        """Return a new sink."""
        ...

    async def ping(self) -> None:
        """Raise `Retry` when the stream cannot be reached."""
        ...

    async def close(self) -> None:
        """Release all resources; sources and sinks must be closed before."""
        ...


async def publish(sink: Sink, out: Sequence[Outgoing]) -> None:
    """Send and wait until durable."""
    if out:
        await (await sink.send(out))

"""The port of the stream: partitioned logs of records, read by groups that share the partitions.

Two adapters keep this contract, `kafka` and `embedded`, and one conformance suite holds both to it:

* Records of one partition are delivered in the order of their offsets, and appended in the order in
  which `Sink.send` was called.
* Records that were not committed are delivered again after a crash, a rewind or a rebalance: at least once.
* A partition belongs to one member of a group at a time. A member that lost a partition learns of it by
  its `on_revoke` callback, or, when it was too slow, by `Fenced` from `commit`.
* All topics of one source have the same number of partitions, and partition N of each is with one member.

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
    """One record as it was read. `timestamp_ms` is when it was appended, in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


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

    async def rewind(self) -> None:
        """Go back to what was last committed: the next poll reads again from there."""
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

    async def lag(self) -> Mapping[Partition, int]:
        """Return per held partition how many records this member has not read yet."""
        ...

    async def close(self) -> None:
        """Leave the group at once, so that others take over without waiting."""
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

"""A stream in memory that misbehaves at random: delays, lost acknowledgements, partitions that move.

What a broker keeps (logs, committed offsets) lives in `SimulatedBroker` and outlives the members.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random

from shared.errors import Fenced, Retry
from shared.messaging.port import Ack, Batch, OnRevoke, Outgoing, Partition, Record, Tail


class SimulatedBroker:
    """One topic's partitions for one group, and everything that was published.

    `on_commit` sees every commit that counts, before it is kept.
    """

    def __init__(self, random: Random, topic: str, partitions: int) -> None:
        self.random = random
        self.log: dict[Partition, list[Record]] = {Partition(topic, n): [] for n in range(partitions)}
        self.committed: dict[Partition, int] = dict.fromkeys(self.log, 0)
        self.published: list[Outgoing] = []
        self.calm = False
        self.on_commit: Callable[[Mapping[Partition, int]], None] = lambda _upto: None
        self.members: list[SimulatedSource] = []

    async def open(self) -> None:
        return None

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def source(self, group: str, topics: Sequence[str], on_revoke: OnRevoke) -> SimulatedSource:
        await self.delay(0.05)
        member = SimulatedSource(self, on_revoke)
        self.members.append(member)
        self._assign_orphans()
        return member

    async def tail(self, topics: Sequence[str], start: Mapping[Partition, int] | None = None) -> Tail:
        raise NotImplementedError  # no role that works in a group opens one

    async def sink(self) -> SimulatedSink:
        return SimulatedSink(self)

    async def delay(self, most_s: float) -> None:
        await asyncio.sleep(self.random.random() * most_s)

    def unlucky(self, chance: float) -> bool:
        return not self.calm and self.random.random() < chance

    def forget(self, member: SimulatedSource) -> None:
        """Remove a member that left or died."""
        if member in self.members:
            self.members.remove(member)
            member.held.clear()
        self._assign_orphans()

    async def move_one(self) -> None:
        """Move a partition from its member, with or without a revocation, to any member."""
        if not self.members:
            return
        partition = self.random.choice(sorted(self.log))
        holder = next((member for member in self.members if partition in member.held), None)
        if holder is not None:
            if self.random.random() < 0.7:
                with contextlib.suppress(Retry, TimeoutError):
                    async with asyncio.timeout(self.random.choice([0.05, 30])):
                        await holder.revoking(frozenset([partition]))
            holder.held.pop(partition, None)
        if self.members:
            self.random.choice(self.members).gain(partition)

    def _assign_orphans(self) -> None:
        for partition in sorted(self.log):
            if self.members and not any(partition in member.held for member in self.members):
                self.random.choice(self.members).gain(partition)


class SimulatedSource:
    def __init__(self, broker: SimulatedBroker, on_revoke: OnRevoke) -> None:
        self._broker = broker
        self.revoking = on_revoke
        self.held: dict[Partition, int] = {}
        self._gained: set[Partition] = set()
        self._paused: frozenset[Partition] = frozenset()
        self._tenure: dict[Partition, object] = {}

    def gain(self, partition: Partition) -> None:
        for member in self._broker.members:
            member.held.pop(partition, None)
        self.held[partition] = self._broker.committed[partition]
        self._gained.add(partition)
        self._tenure[partition] = object()

    async def poll(self, limit: int, wait_s: float) -> Batch:
        more = any(
            partition not in self._paused and offset < len(self._broker.log[partition])
            for partition, offset in self.held.items()
        )
        await self._broker.delay(0.02 if more else wait_s)
        if self._broker.unlucky(0.02):
            raise Retry("the broker is away")
        if gained := self._gained & self.held.keys():
            self._gained.clear()
            return Batch(assigned=frozenset(gained))
        records: list[Record] = []
        for partition in self._broker.random.sample(sorted(self.held), len(self.held)):
            if partition not in self._gained | self._paused:
                place = self.held[partition]
                found = self._broker.log[partition][place : place + limit - len(records)]
                self.held[partition] += len(found)
                records += found
        return Batch(records)

    async def commit(self, upto: Mapping[Partition, int]) -> None:
        tenures = self._tenures(upto)
        await self._broker.delay(0.02)
        if self._broker.unlucky(0.03):
            raise Retry("the broker is away")
        if None in tenures or tenures != self._tenures(upto):
            raise Fenced("this member lost the partition")
        self._broker.on_commit(upto)
        self._broker.committed.update(upto)

    def _tenures(self, partitions: Iterable[Partition]) -> list[object]:
        """Return a token per assignment of each partition, None for one that this member does not hold."""
        known = self.held.keys() - self._gained
        return [self._tenure[partition] if partition in known else None for partition in partitions]

    async def seek(self, to: Mapping[Partition, int]) -> None:
        if None in self._tenures(to):
            raise Fenced("this member lost the partition")
        self.held.update(to)

    def pause(self, partitions: Collection[Partition]) -> None:
        self._paused = frozenset(partitions)

    def wake(self) -> None:
        pass

    async def lag(self) -> Mapping[Partition, int]:
        return {partition: len(self._broker.log[partition]) - at for partition, at in self.held.items()}

    async def close(self) -> None:
        held = frozenset(self.held)
        if held and self in self._broker.members:
            with contextlib.suppress(Retry):
                await self.revoking(held)
        self._broker.forget(self)
        if self._broker.unlucky(0.1):
            raise Retry("the broker is away")


class SimulatedSink:
    """Appends in the order of `send`, acknowledges later, and sometimes loses one or the other."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._last: asyncio.Task[None] | None = None

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        if self._broker.unlucky(0.02):
            raise Retry("the broker is away")
        self._last = asyncio.create_task(self._append(list(out), self._last))
        self._last.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._last

    async def _append(self, out: list[Outgoing], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await self._broker.delay(0.05)
        if self._broker.unlucky(0.02):
            raise Retry("not appended")
        self._broker.published += out
        if self._broker.unlucky(0.02):
            raise Retry("appended, but the acknowledgement is lost")

    async def close(self) -> None:
        if self._last is not None:
            self._last.cancel()

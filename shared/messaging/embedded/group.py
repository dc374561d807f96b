"""A consumer group: range assignment, and rebalances that let a member finish before it loses partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol

import structlog

from shared.messaging.port import Partition

_log = structlog.get_logger(__name__)


class Member(Protocol):
    """A member as its group uses it. `number` orders members by when they joined."""

    number: int
    topics: frozenset[str]
    held: set[Partition]

    async def revoke(self, lost: frozenset[Partition]) -> None:
        """Let the member finish, for a bounded time; afterwards it does not hold the partitions."""
        ...

    def assign(self, gained: frozenset[Partition]) -> None:
        """Hold these partitions too, reading from the committed offsets."""
        ...


def assign_ranges(topics: Mapping[int, Collection[str]], partitions: int) -> dict[int, frozenset[Partition]]:
    """Share out partitions as Kafka's RangeAssignor does: per topic, a run of numbers for each member.

    `topics` gives what each member (by number) reads. Members that read the same topics get the same
    numbers of each.
    """
    shares: dict[int, set[Partition]] = {number: set() for number in topics}
    for topic in {topic for of_member in topics.values() for topic in of_member}:
        readers = sorted(number for number, of_member in topics.items() if topic in of_member)
        share, extra = divmod(partitions, len(readers))
        first = 0
        for index, number in enumerate(readers):
            size = share + (index < extra)
            shares[number].update(Partition(topic, first + step) for step in range(size))
            first += size
    return {number: frozenset(share) for number, share in shares.items()}


class Group:
    """The members of one group, and the offsets it has committed."""

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self.committed: dict[Partition, int] = {}
        self._partitions = partitions
        self._members: dict[int, Member] = {}
        self._changed = False
        self._rebalancing: asyncio.Task[None] | None = None

    def join(self, member: Member) -> None:
        self._members[member.number] = member
        self._start_rebalance()

    def leave(self, member: Member) -> None:
        """Free the partitions of the member at once."""
        if self._members.pop(member.number, None) is not None:
            self._start_rebalance()

    async def close(self) -> None:
        """Wait for a rebalance in progress."""
        if self._rebalancing is not None:
            await self._rebalancing

    def _start_rebalance(self) -> None:
        self._changed = True
        if self._rebalancing is None:
            self._rebalancing = asyncio.create_task(self._rebalance())

    async def _rebalance(self) -> None:
        while self._changed:
            self._changed = False
            topics = {number: member.topics for number, member in self._members.items()}
            shares = assign_ranges(topics, self._partitions)
            await self._revoke_surplus(shares)
            if not self._changed:
                for number, share in shares.items():
                    member = self._members[number]
                    if gained := share - member.held:
                        member.assign(gained)
        self._rebalancing = None

    async def _revoke_surplus(self, shares: Mapping[int, frozenset[Partition]]) -> None:
        """Revoke what members hold beyond their share, before any of it is assigned to others."""
        losers = [(member, member.held - shares[member.number]) for member in self._members.values()]
        handovers = [member.revoke(frozenset(lost)) for member, lost in losers if lost]
        for failed in await asyncio.gather(*handovers, return_exceptions=True):
            if isinstance(failed, BaseException):
                _log.error("on_revoke failed; the partitions are reassigned all the same", exc_info=failed)

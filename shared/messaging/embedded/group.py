"""Who of a group reads what: range assignment, and hand-over with a say for the member that loses."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol

import structlog

from shared.messaging.port import Partition

_log = structlog.get_logger(__name__)


class Member(Protocol):
    """One reader of the group, as the group sees it. `number` orders members by when they joined."""

    number: int
    topics: frozenset[str]
    held: set[Partition]

    async def give_up(self, lost: frozenset[Partition]) -> None:
        """Let the reader finish, for a bounded time; afterwards the partitions are not held any more."""
        ...

    def take(self, gained: frozenset[Partition]) -> None:
        """Hold these from now on, reading from what is committed."""
        ...


def assign_ranges(topics: Mapping[int, Collection[str]], partitions: int) -> dict[int, frozenset[Partition]]:
    """Share out partitions as Kafka's RangeAssignor does: per topic, a run of numbers for each member.

    `topics` gives what each member (by number) reads. Members that read the same topics get the same
    numbers of each.
    """
    shares: dict[int, set[Partition]] = {number: set() for number in topics}
    for topic in {topic for of_member in topics.values() for topic in of_member}:
        readers = sorted(number for number, of_member in topics.items() if topic in of_member)
        each, extra = divmod(partitions, len(readers))
        first = 0
        for place, number in enumerate(readers):
            size = each + (place < extra)
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
        self._settling: asyncio.Task[None] | None = None

    def join(self, member: Member) -> None:
        self._members[member.number] = member
        self._resettle()

    def leave(self, member: Member) -> None:
        """Free what the member held, at once."""
        if self._members.pop(member.number, None) is not None:
            self._resettle()

    async def close(self) -> None:
        """Wait for a hand-over in progress."""
        if self._settling is not None:
            await self._settling

    def _resettle(self) -> None:
        self._changed = True
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        while self._changed:
            self._changed = False
            topics = {number: member.topics for number, member in self._members.items()}
            shares = assign_ranges(topics, self._partitions)
            await self._take_away(shares)
            if not self._changed:
                for number, share in shares.items():
                    member = self._members[number]
                    if gained := share - member.held:
                        member.take(gained)
        self._settling = None

    async def _take_away(self, shares: Mapping[int, frozenset[Partition]]) -> None:
        """Nobody is given a partition before the member that held it has let go."""
        losers = [(member, member.held - shares[member.number]) for member in self._members.values()]
        handovers = [member.give_up(frozenset(lost)) for member, lost in losers if lost]
        for failed in await asyncio.gather(*handovers, return_exceptions=True):
            if isinstance(failed, BaseException):
                _log.error("revoking failed; the partitions are handed over all the same", exc_info=failed)

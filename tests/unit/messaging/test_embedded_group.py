"""A consumer group in memory: who holds which partitions, and how they change hands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.embedded.group import Group, assign_ranges
from shared.messaging.port import Partition
from tests.support.virtual_time import run_in_virtual_time

PARTITIONS = 6


class FakeMember:
    """Records the calls; `finishing_s` is how long it needs before it gives partitions up."""

    def __init__(self, number: int, events: list[str], finishing_s: float = 0.0) -> None:
        self.number = number
        self.topics = frozenset({"leads"})
        self.held: set[Partition] = set()
        self.finishing_s = finishing_s
        self.fails = False
        self._events = events

    async def revoke(self, lost: frozenset[Partition]) -> None:
        self._events.append(f"{self.number} finishes {numbers_of(lost)}")
        await asyncio.sleep(self.finishing_s)
        self.held -= lost
        self._events.append(f"{self.number} gave up {numbers_of(lost)}")
        if self.fails:
            raise ZeroDivisionError

    def assign(self, gained: frozenset[Partition]) -> None:
        self.held |= gained
        self._events.append(f"{self.number} got {numbers_of(gained)}")


def numbers_of(partitions: Iterable[Partition]) -> list[int]:
    return sorted(partition.number for partition in partitions)


def test_the_only_member_gets_everything() -> None:
    async def main() -> None:
        group, events = Group("g", PARTITIONS), list[str]()
        group.join(FakeMember(0, events))
        await group.close()
        assert events == ["0 got [0, 1, 2, 3, 4, 5]"]

    run_in_virtual_time(main(), at_most_s=10)


def test_a_second_member_gets_its_share_only_after_the_first_has_finished_it() -> None:
    async def main() -> None:
        group, events = Group("g", PARTITIONS), list[str]()
        group.join(FakeMember(0, events, finishing_s=5))
        await group.close()
        group.join(FakeMember(1, events))
        await group.close()
        assert events[1:] == ["0 finishes [3, 4, 5]", "0 gave up [3, 4, 5]", "1 got [3, 4, 5]"]
        assert asyncio.get_running_loop().time() == pytest.approx(5)

    run_in_virtual_time(main(), at_most_s=10)


def test_a_member_that_leaves_hands_its_partitions_to_those_that_stay() -> None:
    async def main() -> None:
        group, events = Group("g", PARTITIONS), list[str]()
        one, other = FakeMember(0, events), FakeMember(1, events)
        group.join(one)
        group.join(other)
        await group.close()
        one.held.clear()
        group.leave(one)
        await group.close()
        assert numbers_of(other.held) == list(range(PARTITIONS))

    run_in_virtual_time(main(), at_most_s=10)


def test_leaving_twice_is_leaving_once() -> None:
    async def main() -> None:
        group, events = Group("g", PARTITIONS), list[str]()
        member = FakeMember(0, events)
        group.join(member)
        await group.close()
        group.leave(member)
        group.leave(member)
        await group.close()
        assert events == ["0 got [0, 1, 2, 3, 4, 5]"]

    run_in_virtual_time(main(), at_most_s=10)


def test_a_change_during_a_rebalance_is_part_of_the_next_one() -> None:
    """Who joins while another finishes must not be forgotten, and nothing may be assigned twice."""

    async def main() -> None:
        group, events = Group("g", PARTITIONS), list[str]()
        members = [FakeMember(number, events, finishing_s=5) for number in range(3)]
        group.join(members[0])
        await group.close()
        group.join(members[1])
        await asyncio.sleep(1)
        group.join(members[2])
        await group.close()
        held = [numbers_of(member.held) for member in members]
        assert held == [[0, 1], [2, 3], [4, 5]]

    run_in_virtual_time(main(), at_most_s=100)


def test_a_member_that_fails_to_finish_loses_its_partitions_all_the_same() -> None:
    async def main() -> None:
        group, events = Group("g", PARTITIONS), list[str]()
        broken, other = FakeMember(0, events), FakeMember(1, events)
        broken.fails = True
        group.join(broken)
        await group.close()
        group.join(other)
        await group.close()
        assert numbers_of(other.held) == [3, 4, 5]

    run_in_virtual_time(main(), at_most_s=10)


memberships = st.dictionaries(
    st.integers(0, 9), st.frozensets(st.sampled_from(["leads", "signals", "scores"])), max_size=6
)


@given(memberships, st.integers(1, 12))
def test_every_partition_has_exactly_one_reader_of_its_topic(
    topics: dict[int, frozenset[str]], partitions: int
) -> None:
    shares = assign_ranges(topics, partitions)
    assert shares.keys() == topics.keys()
    for topic in frozenset().union(*topics.values()):
        holders = [number for number in topics for held in shares[number] if held.topic == topic]
        assert all(topic in topics[number] for number in holders)
        assigned = sorted(held.number for share in shares.values() for held in share if held.topic == topic)
        assert assigned == list(range(partitions))


@given(st.integers(1, 9), st.integers(1, 12))
def test_shares_differ_by_at_most_one_and_are_runs_of_numbers(members: int, partitions: int) -> None:
    shares = assign_ranges({number: ["leads"] for number in range(members)}, partitions)
    sizes = [len(share) for share in shares.values()]
    assert max(sizes) - min(sizes) <= 1
    for share in shares.values():
        numbers = numbers_of(share)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True


@given(st.integers(1, 6), st.integers(1, 12))
def test_members_of_the_same_topics_get_the_same_numbers_of_each(members: int, partitions: int) -> None:
    """The consumer relies on it: partition N of every topic is with one member."""
    shares = assign_ranges({number: ["leads", "signals"] for number in range(members)}, partitions)
    for share in shares.values():
        of_leads = numbers_of(held for held in share if held.topic == "leads")
        assert of_leads == numbers_of(held for held in share if held.topic == "signals")

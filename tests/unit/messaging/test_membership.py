"""The partitions of a group member, through eager rebalances; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.structs import TopicPartition

from shared.errors import Fenced
from shared.messaging.kafka.membership import Membership, Phase
from shared.messaging.port import Partition, Record
from tests.support.virtual_time import run_in_virtual_time

LOGICAL = {"baton.leads": "leads"}
P0, P1 = Partition("leads", 0), Partition("leads", 1)
ON_KAFKA = {TopicPartition("baton.leads", 0), TopicPartition("baton.leads", 1)}
REVOKING_S_MAX = 10.0

Revoked = list[frozenset[Partition]]
Scenario = Callable[[Membership, Revoked], Awaitable[None]]


def play(scenario: Scenario, *, finishing_s: float = 0.0) -> Revoked:
    """Run the scenario on a new member that needs `finishing_s` to finish; return what was revoked."""
    revoked: Revoked = []

    async def on_revoke(partitions: frozenset[Partition]) -> None:
        await asyncio.sleep(finishing_s)
        revoked.append(partitions)

    async def main() -> None:
        await scenario(Membership(on_revoke, LOGICAL, revoking_s_max=REVOKING_S_MAX), revoked)

    run_in_virtual_time(main(), at_most_s=1_000)
    return revoked


def test_a_new_member_holds_nothing_and_may_commit_nothing() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        assert member.phase is Phase.JOINING
        assert member.held == frozenset()
        with pytest.raises(Fenced, match="leads/0"):
            member.refuse_lost([P0])

    play(scenario)


def test_assigned_partitions_are_reported_once_under_their_names_in_the_manifest() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        member.on_partitions_assigned(ON_KAFKA)
        assert member.phase is Phase.HOLDING
        assert member.newly_assigned() == {P0, P1}
        assert member.newly_assigned() == frozenset()

    play(scenario)


def test_a_partition_can_be_committed_only_after_it_was_reported() -> None:
    """Its caller has read nothing of it before, so a commit would be of an earlier assignment."""

    async def scenario(member: Membership, _revoked: Revoked) -> None:
        member.on_partitions_assigned(ON_KAFKA)
        with pytest.raises(Fenced):
            member.refuse_lost([P0])
        member.newly_assigned()
        member.refuse_lost([P0, P1])

    play(scenario)


def test_the_member_may_commit_while_it_finishes_and_not_afterwards() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        member.on_partitions_assigned(ON_KAFKA)
        member.newly_assigned()
        revoking = asyncio.create_task(member.on_partitions_revoked(ON_KAFKA))
        await asyncio.sleep(1)
        assert member.phase is Phase.REVOKING
        member.refuse_lost([P0, P1])
        await revoking
        assert member.held == frozenset()
        with pytest.raises(Fenced):
            member.refuse_lost([P0])

    assert play(scenario, finishing_s=5) == [frozenset({P0, P1})]


def test_a_member_that_does_not_finish_loses_its_partitions_after_the_limit() -> None:
    async def scenario(member: Membership, revoked: Revoked) -> None:
        loop = asyncio.get_running_loop()
        member.on_partitions_assigned(ON_KAFKA)
        member.newly_assigned()
        began = loop.time()
        await member.on_partitions_revoked(ON_KAFKA)
        assert loop.time() - began == pytest.approx(REVOKING_S_MAX)
        assert member.held == frozenset()
        assert revoked == []

    play(scenario, finishing_s=3_600)


def test_partitions_that_were_not_reported_yet_are_revoked_without_a_callback() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        member.on_partitions_assigned(ON_KAFKA)
        await member.on_partitions_revoked(ON_KAFKA)
        assert member.phase is Phase.JOINING
        assert member.newly_assigned() == frozenset()

    assert play(scenario) == []


def test_a_failing_callback_still_gives_the_partitions_up() -> None:
    async def main() -> None:
        async def failing(_partitions: frozenset[Partition]) -> None:
            raise ZeroDivisionError

        member = Membership(failing, LOGICAL, revoking_s_max=REVOKING_S_MAX)
        member.on_partitions_assigned(ON_KAFKA)
        member.newly_assigned()
        with pytest.raises(ZeroDivisionError):
            await member.on_partitions_revoked(ON_KAFKA)
        assert member.held == frozenset()

    run_in_virtual_time(main(), at_most_s=100)


def test_a_revocation_drops_the_records_that_were_fetched_and_not_returned() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        member.on_partitions_assigned(ON_KAFKA)
        member.newly_assigned()
        member.buffered = [Record("leads", 0, 7, None, None, (), 0)]
        await member.on_partitions_revoked(ON_KAFKA)
        assert member.buffered == []

    play(scenario)


def test_waiting_ends_with_the_assignment_or_with_the_time() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        loop = asyncio.get_running_loop()
        assert not await member.wait_until_assigned(3)
        assert loop.time() == pytest.approx(3)
        loop.call_later(2, member.on_partitions_assigned, ON_KAFKA)
        assert await member.wait_until_assigned(60)
        assert loop.time() == pytest.approx(5)
        assert await member.wait_until_assigned(60)
        assert loop.time() == pytest.approx(5)

    play(scenario)


def test_a_revoked_member_waits_for_its_next_assignment() -> None:
    async def scenario(member: Membership, _revoked: Revoked) -> None:
        member.on_partitions_assigned(ON_KAFKA)
        member.newly_assigned()
        await member.on_partitions_revoked(ON_KAFKA)
        assert not await member.wait_until_assigned(1)
        member.on_partitions_assigned({TopicPartition("baton.leads", 1)})
        assert await member.wait_until_assigned(1)
        assert member.held == {P1}

    play(scenario)


def test_the_time_of_joining_is_that_of_the_last_loss() -> None:
    """A member that has waited too long for an assignment is replaced; the wait starts at the loss."""

    async def scenario(member: Membership, _revoked: Revoked) -> None:
        assert member.joining_since_s == 0
        await asyncio.sleep(30)
        member.lose_all()
        assert member.joining_since_s == pytest.approx(30)

    play(scenario)

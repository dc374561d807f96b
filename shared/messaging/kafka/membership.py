"""The partitions that one consumer holds in its group, as aiokafka's rebalances report them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum

import structlog
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition

from shared.errors import Fenced
from shared.messaging.port import OnRevoke, Partition, Record

_log = structlog.get_logger(__name__)


class Phase(Enum):
    """The state of a consumer in its group."""

    JOINING = "joining"  # holds nothing: not assigned yet, or everything was revoked
    HOLDING = "holding"
    REVOKING = "revoking"  # still holds its partitions, and may commit them


class Membership(ConsumerRebalanceListener):
    """Follows eager rebalances: all partitions are revoked, then some are assigned."""

    def __init__(self, on_revoke: OnRevoke, logical: dict[str, str], *, revoking_s_max: float) -> None:
        self.phase = Phase.JOINING
        self.joining_since_s = asyncio.get_running_loop().time()
        self.held: frozenset[Partition] = frozenset()
        # Records fetched and not returned yet, because newly assigned partitions had to be returned first or
        # because there were more than requested. A revocation drops them, and they are fetched again.
        self.buffered: list[Record] = []
        self._unreported: frozenset[Partition] = frozenset()
        self._on_revoke = on_revoke
        self._logical = logical
        self._revoking_s_max = revoking_s_max
        self._is_assigned = asyncio.Event()

    def newly_assigned(self) -> frozenset[Partition]:
        """Return the partitions assigned since the last call."""
        unreported, self._unreported = self._unreported, frozenset()
        return unreported

    def refuse_lost(self, partitions: Iterable[Partition]) -> None:
        """Raise `Fenced` unless this member holds these partitions and has reported them to the caller."""
        held = self.held - self._unreported
        for partition in partitions:
            if partition not in held:
                raise Fenced(f"this member does not hold {partition.topic}/{partition.number}")

    async def wait_until_assigned(self, wait_s: float) -> bool:
        """Wait until partitions are assigned, at most `wait_s` seconds; tell whether they are."""
        if self.phase is Phase.HOLDING:
            return True
        try:
            await asyncio.wait_for(self._is_assigned.wait(), wait_s)
        except TimeoutError:
            return False
        return True

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - all
        reported = self.held - self._unreported
        self._is_assigned.clear()
        self._unreported = frozenset()
        if reported:
            self.phase = Phase.REVOKING
            try:
                await asyncio.wait_for(self._on_revoke(reported), self._revoking_s_max)
            except TimeoutError:
                _log.warning("on_revoke took too long", seconds=self._revoking_s_max)
            finally:
                self.lose_all()
        else:
            self.lose_all()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.held = frozenset(Partition(self._logical[topic], number) for topic, number in assigned)
        self._unreported = self.held
        self.phase = Phase.HOLDING
        self._is_assigned.set()

    def lose_all(self) -> None:
        """Drop all partitions."""
        self.held = self._unreported = frozenset()
        self.buffered = []
        self.phase = Phase.JOINING
        self.joining_since_s = asyncio.get_running_loop().time()
        self._is_assigned.clear()

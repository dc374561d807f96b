"""What one consumer holds in its group: told by aiokafka's rebalances, asked by the source."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum

import structlog
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition

from shared.errors import Fenced
from shared.messaging.port import Partition, Record, Revoking

_log = structlog.get_logger(__name__)


class Phase(Enum):
    """Where the consumer stands in the group's life."""

    JOINING = "joining"  # holds nothing: not assigned yet, or everything was handed back
    HOLDING = "holding"
    LETTING_GO = "letting go"  # still holds what it held, and may commit it


class Membership(ConsumerRebalanceListener):
    """Kafka's rebalances are eager: everything is handed back, then something is assigned."""

    def __init__(self, revoking: Revoking, logical: dict[str, str], *, revoking_s_max: float) -> None:
        self.phase = Phase.JOINING
        self.joining_since_s = asyncio.get_running_loop().time()
        self.held: frozenset[Partition] = frozenset()
        # Records that were fetched and not given out yet: their partitions had to be told of first, or
        # there were more than asked for. They are lost with the partitions, and fetched again.
        self.kept: list[Record] = []
        self._pending: frozenset[Partition] = frozenset()
        self._revoking = revoking
        self._logical = logical
        self._revoking_s_max = revoking_s_max
        self._assigned = asyncio.Event()

    def newly_assigned(self) -> frozenset[Partition]:
        """Return the partitions that the caller has not heard of yet, once."""
        pending, self._pending = self._pending, frozenset()
        return pending

    def refuse_lost(self, partitions: Iterable[Partition]) -> None:
        """Raise `Fenced` unless the caller holds all of these, as far as it has heard."""
        held = self.held - self._pending
        for partition in partitions:
            if partition not in held:
                raise Fenced(f"this member does not hold {partition.topic}/{partition.number}")

    async def wait_until_assigned(self, wait_s: float) -> bool:
        """Wait until the group has settled, at most so long."""
        if self.phase is Phase.HOLDING:
            return True
        try:
            await asyncio.wait_for(self._assigned.wait(), wait_s)
        except TimeoutError:
            return False
        return True

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - all
        known = self.held - self._pending
        self._assigned.clear()
        self._pending = frozenset()
        if known:
            self.phase = Phase.LETTING_GO
            try:
                await asyncio.wait_for(self._revoking(known), self._revoking_s_max)
            except TimeoutError:
                _log.warning("revoking took too long", seconds=self._revoking_s_max)
            finally:
                self.lose_all()
        else:
            self.lose_all()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.held = frozenset(Partition(self._logical[topic], number) for topic, number in assigned)
        self._pending = self.held
        self.phase = Phase.HOLDING
        self._assigned.set()

    def lose_all(self) -> None:
        """Hold nothing any more."""
        self.held = self._pending = frozenset()
        self.kept = []
        self.phase = Phase.JOINING
        self.joining_since_s = asyncio.get_running_loop().time()
        self._assigned.clear()

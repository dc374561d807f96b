"""Decides whether a consumer is stuck: records are there, it is asked for them, and none come.

aiokafka can stop fetching after a broker restart without an error (aio-libs/aiokafka#1154).
"""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka.structs import TopicPartition


class StuckDetector:
    """Remembers since when partitions are behind without moving."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._behind: dict[TopicPartition, tuple[int, float]] = {}

    def forget(self) -> None:
        """Start over: records came, or the broker is away."""
        self._behind.clear()

    def observe(
        self, at_s: float, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> bool:
        """Return whether a partition has been behind at the same position for the whole patience."""
        self._behind = {
            partition: self._since(partition, position, at_s)
            for partition, position in positions.items()
            if position < ends.get(partition, 0)
        }
        return any(at_s - since >= self._patience_s for _, since in self._behind.values())

    def _since(self, partition: TopicPartition, position: int, at_s: float) -> tuple[int, float]:
        known = self._behind.get(partition)
        return known if known is not None and known[0] == position else (position, at_s)

"""Detects a stuck consumer: there are records to read and the consumer is polled, but its position stays.

aiokafka can stop fetching after a broker restart without an error (aio-libs/aiokafka#1154).
"""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka.structs import TopicPartition


class StuckDetector:
    """Notes per partition since when its position has stayed behind the end of the log."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._behind: dict[TopicPartition, tuple[int, float]] = {}

    def forget(self) -> None:
        """Start over, after records came or while no broker is reachable."""
        self._behind.clear()

    def observe(
        self, at_s: float, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> bool:
        """Tell whether a partition has been behind at one position for `patience_s` seconds."""
        before, self._behind = self._behind, {}
        for partition, position in positions.items():
            if position < ends.get(partition, 0):
                seen_at, since = before.get(partition, (position, at_s))
                self._behind[partition] = (position, since if seen_at == position else at_s)
        return any(at_s - since >= self._patience_s for _, since in self._behind.values())

"""Medians and other percentiles of durations, from the buckets in which they were counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.domain.reports.figures import Figure, Unit, figure
from services.ledger.domain.counters import BUCKETS_PER_DOUBLING

_MS_PER: Mapping[str, float] = {"seconds": 1_000, "days": 86_400_000}


def percentile(buckets: Mapping[int, int], part: float) -> float | None:
    """Return the duration in milliseconds that `part` of the durations do not exceed, None without any.

    Inside a bucket the durations count as spread evenly, so that the error is less than its width: 19 %.
    """
    total = sum(number for number in buckets.values() if number > 0)
    if not total:
        return None
    wanted, seen = part * total, 0
    for bucket, number in sorted(buckets.items()):
        if number > 0 and seen + number >= wanted:
            begins = 0.0 if bucket == 0 else 2 ** ((bucket - 1) / BUCKETS_PER_DOUBLING)
            ends = 1.0 if bucket == 0 else 2 ** (bucket / BUCKETS_PER_DOUBLING)
            return begins + (ends - begins) * max(0.0, wanted - seen) / number
        seen += max(0, number)
    return None


def duration_figure(
    buckets: Mapping[int, int], part: float, *, unit: Unit, needs: str, healthy: str | None = None
) -> Figure:
    """Return a percentile as a figure in seconds or days."""
    ms = percentile(buckets, part)
    n = sum(number for number in buckets.values() if number > 0)
    return figure(None if ms is None else ms / _MS_PER[unit], unit, n=n, needs=needs, healthy=healthy)

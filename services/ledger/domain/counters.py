"""The counters of the reports, and what is to be added to them. Pure.

A counter is a row of one of four tables: its key is a day and names, its values are sums. The history of a
lead has its share in counters (`lead_share.py`); an event of the lead adds the difference between the shares
after and before it. So the counters are the sum over all leads, whatever the order of the events and however
often one is repeated.

Days are those of UTC, as the number of days since 1970. What became of leads (`lead_counters`) counts on the
day on which the lead was captured, everything else on the day on which it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log2
from typing import ClassVar, Final, Literal

from msgspec import Struct

from shared.storage.rows import Row

DAY_MS: Final = 86_400_000
BUCKETS_PER_DOUBLING: Final = 4
"""Durations are counted in buckets, each 2^(1/4) as long as the one before: a median is within 19 %."""
_BUCKET_MAX: Final = 40 * BUCKETS_PER_DOUBLING

Clock = Literal["route", "accept", "act", "qualify"]
"""From capture to the first decision; from assignment to acceptance, and to the first act of its owner;
from the first acceptance of the lead to its first opportunity."""
Dimension = Literal["channel", "source", "campaign", "grade", "band"]

CounterKey = tuple[str | int, ...]
Counts = dict[str, int]
Share = dict[tuple[str, CounterKey], Counts]


class CounterDelta(Struct, frozen=True, array_like=True):
    """What is to be added to one row of the counter table `table`; `key` is its day and names."""

    table: str
    key: tuple[str | int, ...]
    counts: dict[str, int]


class CounterDeltaRow(Row, frozen=True):
    """What one unit of work adds to the counters. They are added up a little later, without contention."""

    id: str
    deltas: list[CounterDelta]
    table: ClassVar[str] = "counter_deltas"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)


def add_counts(counts: Counts, more: Mapping[str, int], times: int = 1) -> None:
    """Add `more`, `times` over, to `counts` in place."""
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + times * number


def summed(deltas: Iterable[CounterDelta]) -> Share:
    """Return the sum of deltas by table and key."""
    total: Share = {}
    for delta in deltas:
        add_counts(total.setdefault((delta.table, delta.key), {}), delta.counts)
    return total


def bucket_of(ms: int) -> int:
    """Return the bucket of a duration. Bucket n > 0 begins at 2^((n - 1) / 4) milliseconds."""
    return 0 if ms < 1 else min(_BUCKET_MAX, int(log2(ms) * BUCKETS_PER_DOUBLING) + 1)

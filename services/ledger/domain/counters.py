"""The counters of the reports, and what is to be added to them. Pure.

A counter is a row of one of seven tables: its key is an hour and names, its values are sums. The history of a
lead has its share in counters (`lead_share.py`); an event of the lead adds the difference between the shares
after and before it. So the counters are the sum over all leads, whatever the order of the events and however
often one is repeated.

Hours are counted from 1970, in UTC. What became of leads (`lead_counters`, `path_counters` and
`unknown_counters`) counts in the hour in which the lead was captured, everything else in the hour in which it
happened.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from math import log2
from typing import ClassVar, Final, Literal

from msgspec import Struct

from shared.storage.rows import Row

HOUR_MS: Final = 3_600_000
BUCKETS_PER_DOUBLING: Final = 4
"""Durations are counted in buckets, each 2^(1/4) as long as the one before: a median is within 19 %."""
_BUCKET_MAX: Final = 40 * BUCKETS_PER_DOUBLING

Clock = Literal["route", "accept", "act", "qualify"]
"""From capture to the first decision; from assignment to acceptance, and to the first act of its owner;
from the first acceptance of the lead to its first opportunity."""
Dimension = Literal["channel", "source", "campaign", "grade", "band", "source_band", "missing"]
"""`source_band` is the band, a space and the source; `missing` are fields that had no value when the lead was
scored first, and the empty name, under which all leads count of which this is known."""

ANY_VERSION: Final = ""
"""In place of a policy version: whichever decided last on each lead."""
ACCEPT_BUCKETS: Final = (5, 15, 30, 60, 120, 240, 480, 1_440, 2_880, 5_760, 10_080)
"""The ends of the buckets of a rep's times to accept, in minutes; the last bucket has no end."""

CounterKey = tuple[str | int, ...]
Counts = dict[str, int]
Share = dict[tuple[str, CounterKey], Counts]


class CounterDelta(Struct, frozen=True, array_like=True):
    """What is to be added to one row of the counter table `table`; `key` is its hour and names."""

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


def accept_bucket_of(ms: int) -> int:
    """Return the bucket of a rep's time to accept: its place among `ACCEPT_BUCKETS`."""
    return bisect_right(ACCEPT_BUCKETS, ms / 60_000)

"""A rate limiter that counts in a sliding window, for many keys and in bounded memory.

The windows themselves are those of `pyrate_limiter`, driven by a clock that is passed in. They are kept for
the keys that were used last: what was forgotten begins anew, so a caller that spreads over more keys than fit
has to be limited by a second, coarser key.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from math import ceil
from typing import Final

from msgspec import Struct
from pyrate_limiter import InMemoryBucket, Rate, RateItem

WINDOW_S: Final = 60
KEYS_MAX: Final = 10_000

_ITEM = "1"


class Quota(Struct, frozen=True):
    """What is left of a limit in the present window.

    `reset_s` is when the oldest event leaves the window, in seconds from now. `retry_after_s` is 0 for an
    event that was let through, else the seconds until the next one is.
    """

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0


class SlidingWindowLimiter:
    """Lets so many events of each key through in any `window_s` seconds. The caller tells the time."""

    def __init__(self, *, window_s: int = WINDOW_S, keys_max: int = KEYS_MAX) -> None:
        self._window_ms = window_s * 1000
        self._keys_max = keys_max
        # The first key was used least recently; see `LruCache`, which would cost a post two more calls.
        self._buckets: dict[tuple[Hashable, int], InMemoryBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, at: datetime, *limits: tuple[Hashable, int]) -> list[Quota]:
        """Count an event at `at` by several keys, each with its limit; return what is left of each.

        The first limit that is exceeded ends it: the event counts by none of the keys that follow.
        """
        quotas: list[Quota] = []
        now_ms = int(at.timestamp() * 1000)
        for key, limit in limits:
            bucket = self._buckets.pop((key, limit), None)
            if bucket is None:
                if len(self._buckets) >= self._keys_max:
                    del self._buckets[next(iter(self._buckets))]
                bucket = InMemoryBucket([Rate(limit, self._window_ms)])
            self._buckets[key, limit] = bucket
            bucket.leak(now_ms)
            item = RateItem(_ITEM, now_ms)
            if bucket.put(item):
                quotas.append(self._quota(bucket, limit, now_ms, 0))
                continue
            wait_ms = max(1, int(bucket.waiting(item)))  # type: ignore[arg-type]
            return [*quotas, self._quota(bucket, limit, now_ms, ceil(wait_ms / 1000))]
        return quotas

    def look(self, at: datetime, key: Hashable, limit: int) -> Quota:
        """Return what is left for `key` without counting an event; `retry_after_s` when nothing is left."""
        bucket = self._buckets.get((key, limit))
        if bucket is None:
            return Quota(limit, limit, 0)
        now_ms = int(at.timestamp() * 1000)
        bucket.leak(now_ms)
        quota = self._quota(bucket, limit, now_ms, 0)
        return quota if quota.remaining else Quota(limit, 0, quota.reset_s, max(1, quota.reset_s))

    def _quota(self, bucket: InMemoryBucket, limit: int, now_ms: int, retry_after_s: int) -> Quota:
        count = bucket.count()
        oldest = bucket.peek(count - 1) if count else None
        left_ms = 0 if oldest is None else oldest.timestamp + self._window_ms - now_ms
        return Quota(limit, max(0, limit - count), max(0, ceil(left_ms / 1000)), retry_after_s)

"""A rate limiter that counts in a sliding window, for many keys and in bounded memory.

The windows themselves are those of `pyrate_limiter`, driven by a clock that is passed in. They are kept for
the keys that were used last: what was forgotten begins anew, so a caller that spreads over more keys than fit
has to be limited by a second, coarser key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from math import ceil
from typing import Final

from msgspec import Struct
from pyrate_limiter import InMemoryBucket, Rate, RateItem

from shared.resilience.lru import LruCache

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
    """Lets `limit` events of each key through in any `window_s` seconds."""

    def __init__(
        self, now: Callable[[], datetime], *, window_s: int = WINDOW_S, keys_max: int = KEYS_MAX
    ) -> None:
        self._now = now
        self._window_ms = window_s * 1000
        self._buckets: LruCache[tuple[Hashable, int], InMemoryBucket] = LruCache(keys_max)

    def take(self, key: Hashable, limit: int) -> Quota:
        """Count an event of `key` if it is within the limit; return what is left."""

        def new_bucket() -> InMemoryBucket:
            return InMemoryBucket([Rate(limit, self._window_ms)])

        bucket = self._buckets.get_or_compute((key, limit), new_bucket)
        now_ms = self._forget_old(bucket)
        item = RateItem(_ITEM, now_ms)
        let_through = bucket.put(item)
        wait_ms = 0 if let_through else max(1, int(bucket.waiting(item)))  # type: ignore[arg-type]
        return self._quota(bucket, limit, now_ms, ceil(wait_ms / 1000))

    def look(self, key: Hashable, limit: int) -> Quota:
        """Return what is left for `key` without counting an event; `retry_after_s` when nothing is left."""
        bucket = self._buckets.get((key, limit))
        if bucket is None:
            return Quota(limit, limit, 0)
        now_ms = self._forget_old(bucket)
        quota = self._quota(bucket, limit, now_ms, 0)
        return quota if quota.remaining else Quota(limit, 0, quota.reset_s, max(1, quota.reset_s))

    def _forget_old(self, bucket: InMemoryBucket) -> int:
        """Remove events that have left the window; return the present time in milliseconds."""
        now_ms = int(self._now().timestamp() * 1000)
        bucket.leak(now_ms)
        return now_ms

    def _quota(self, bucket: InMemoryBucket, limit: int, now_ms: int, retry_after_s: int) -> Quota:
        count = bucket.count()
        oldest = bucket.peek(count - 1) if count else None
        left_ms = 0 if oldest is None else oldest.timestamp + self._window_ms - now_ms
        return Quota(limit, max(0, limit - count), max(0, ceil(left_ms / 1000)), retry_after_s)

"""A token bucket: calls at a steady rate, with a burst of one second's worth after a pause."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """Lets `per_second` calls through, and as many at once after a pause of a second.

    A caller reserves its token and then waits for it, so callers are served in the order in which they asked
    and nobody has to be woken. `monotonic_s` is the clock: seconds that never go backwards.
    """

    def __init__(self, per_second: int, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._monotonic_s = monotonic_s
        self._next_s = float("-inf")

    def delay_s(self) -> float:
        """Return how many seconds a caller that reserves now would have to wait."""
        return max(self._next_s - self._monotonic_s(), 0.0)

    def reserve(self) -> float:
        """Take the next token and return the seconds until it is valid."""
        delay_s = self.delay_s()
        interval_s = 1 / self._per_second
        # Tokens that nobody used are saved up, but never more than one second's worth.
        oldest_s = self._monotonic_s() - 1 + interval_s
        self._next_s = max(self._next_s, oldest_s) + interval_s
        return delay_s

    def pause(self, seconds: float) -> None:
        """Issue no token for that long, such as after `429 Too Many Requests`; a longer pause stands."""
        self._next_s = max(self._next_s, self._monotonic_s() + seconds)

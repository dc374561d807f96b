"""How often a provider may be asked: a bucket of tokens, and a breaker for one that fails. Pure.

Both are told the time, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

from typing import Final, Literal

FAILURES_MAX: Final = 5
"""So many failures one after the other open the breaker."""
OPEN_S: Final = 10.0


class TokenBucket:
    """Lets `per_second` calls through, and as many at once after a pause of a second."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._next_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Return how long a call that asks now has to wait for its token."""
        return max(self._next_s - now_s, 0.0)

    def take(self, now_s: float) -> None:
        """Take the token that is free after `wait_s`."""
        earliest = max(self._next_s, now_s - 1 + 1 / self._per_second)
        self._next_s = earliest + 1 / self._per_second

    def hold(self, until_s: float) -> None:
        """Let nothing through before that instant."""
        self._next_s = max(self._next_s, until_s)


class CircuitBreaker:
    """Open after failures in a row; after a while one call may try, and its end decides."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until_s = float("-inf")
        self._trying = False

    def state(self, now_s: float) -> Literal["closed", "half_open", "open"]:
        if self._failures < FAILURES_MAX:
            return "closed"
        return "open" if now_s < self._open_until_s or self._trying else "half_open"

    def enter(self, now_s: float) -> bool:
        """Tell whether a call may go; of those that find the breaker half open, the first only."""
        state = self.state(now_s)
        self._trying = self._trying or state == "half_open"
        return state != "open"

    def succeeded(self) -> None:
        self._failures, self._trying = 0, False

    def failed(self, now_s: float) -> None:
        self._failures, self._trying = self._failures + 1, False
        if self._failures >= FAILURES_MAX:
            self._open_until_s = now_s + OPEN_S

    def left(self) -> None:
        """Note that a call ended without telling anything about the provider."""
        self._trying = False

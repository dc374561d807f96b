"""A circuit breaker: a service that keeps failing is not called for a while.

`FAILURES_MAX` failures in a row open it. After `OPEN_S` seconds it is half open: one trial call may go, and
its outcome closes the breaker or opens it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal

FAILURES_MAX: Final = 5
OPEN_S: Final = 10.0

BreakerState = Literal["closed", "half_open", "open"]


class CircuitBreaker:
    """Counts consecutive failures of one service. Every call that was let through must be recorded.

    `monotonic_s` is the clock: seconds that never go backwards.
    """

    def __init__(self, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._failures = 0
        self._open_until_s = float("-inf")
        self._trial_under_way = False

    @property
    def state(self) -> BreakerState:
        if self._failures < FAILURES_MAX:
            return "closed"
        if self._trial_under_way or self._monotonic_s() < self._open_until_s:
            return "open"
        return "half_open"

    def allow_call(self) -> bool:
        """Return whether a call may go. While half open, only the first caller gets True."""
        state = self.state
        if state == "half_open":
            self._trial_under_way = True
        return state != "open"

    def record_success(self) -> None:
        self._failures = 0
        self._trial_under_way = False

    def record_failure(self) -> None:
        self._failures += 1
        self._trial_under_way = False
        if self._failures >= FAILURES_MAX:
            self._open_until_s = self._monotonic_s() + OPEN_S

    def record_no_result(self) -> None:
        """Record a call that ended without telling whether the service works, such as a cancelled one."""
        self._trial_under_way = False

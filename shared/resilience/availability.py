"""Whether a service may be called: not for a while after it refused, limited or kept failing calls.

An extension of the circuit breaker by its reasons. When the interval of a pause is over, one trial call may
go; it ends the pause, or begins another one of twice the length.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal

from shared.clock import Clock

FAILURES_MAX: Final = 5
"""So many failures in a row make a service `failing`."""

AvailabilityState = Literal["active", "limited", "paused", "failing"]
"""`limited`: it got too many calls. `paused`: it refuses every call. `failing`: its calls fail."""
Access = Literal["open", "trial", "closed"]

FIRST_INTERVAL_S: Final[Mapping[AvailabilityState, float]] = {"limited": 1, "paused": 5, "failing": 10}
LONGEST_INTERVAL_S: Final[Mapping[AvailabilityState, float]] = {"limited": 60, "paused": 600, "failing": 60}


class Availability:
    """What the calls of one service say about it. Every call must be recorded, with what `access` was.

    A pause is over when either clock says so: `clock` may be moved on by hand, `monotonic_s` (seconds) never
    goes backwards.
    """

    def __init__(self, clock: Clock, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._failures = 0
        self._interval_s = 0.0
        self._paused_at_s = 0.0
        self._paused_at = clock.now()
        self._trial_over = asyncio.Event()
        self._trial_over.set()
        self.state: AvailabilityState = "active"
        self.reason = ""

    @property
    def access(self) -> Access:
        """Whether a call may go now; `trial`: one, whose outcome decides whether others may."""
        if self.state == "active":
            return "open"
        is_over = (
            self._monotonic_s() - self._paused_at_s >= self._interval_s
            or self._clock.now() - self._paused_at >= timedelta(seconds=self._interval_s)
        )
        return "trial" if is_over and not self.is_on_trial else "closed"

    @property
    def is_on_trial(self) -> bool:
        """Whether a trial call is under way whose result is not known yet."""
        return not self._trial_over.is_set()

    def begin_trial(self) -> None:
        """Let no other trial go until the result of this one is recorded, or `end_trial`."""
        self._trial_over.clear()

    def end_trial(self) -> None:
        """Let another trial go when its time has come. For a trial that may have ended without a result."""
        self._trial_over.set()

    async def wait_for_trial(self, within_s: float) -> None:
        """Wait while a trial call is under way, at most `within_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.is_on_trial:
                    await self._trial_over.wait()

    def record_success(self, access: Access) -> None:
        """Record a call that was answered. One that began before a pause does not end it."""
        if self.state == "active" or access == "trial":
            self._failures, self.state, self.reason = 0, "active", ""
        if access == "trial":
            self.end_trial()

    def record_failure(self, access: Access, reason: str) -> None:
        """Record a call without a usable answer."""
        self._failures += 1
        if self._failures >= FAILURES_MAX or access == "trial":
            self._pause("failing", access, reason)

    def record_limited(self, access: Access, reason: str, retry_after_s: float) -> None:
        """Record a call that was one too many, and when the service wants the next one."""
        self._pause("limited", access, reason, retry_after_s)

    def record_refused(self, access: Access, reason: str) -> None:
        """Record a call that was refused for a reason that holds for every call."""
        self._pause("paused", access, reason)

    def _pause(self, state: AvailabilityState, access: Access, reason: str, at_least_s: float = 0.0) -> None:
        if self.state != "active" and access != "trial":
            return  # a call that began before the pause
        grown_s = self._interval_s * 2 if self.state == state else FIRST_INTERVAL_S[state]
        self._interval_s = max(min(grown_s, LONGEST_INTERVAL_S[state]), at_least_s)
        self._paused_at_s, self._paused_at = self._monotonic_s(), self._clock.now()
        self.state, self.reason = state, reason
        if access == "trial":
            self.end_trial()

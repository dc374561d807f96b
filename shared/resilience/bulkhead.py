"""Bulkheads: a limit of concurrent calls per dependency, so that one that hangs cannot use up all capacity.

A dependency that does not answer at all several times in a row gets no calls for a few seconds, then one
call at a time until it answers. A dependency that answers with errors is not paused: it is quick, so it
occupies its slots only briefly.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from shared.clock import Clock


class Bulkhead:
    """The slots for calls to one dependency. Every `acquire` that returns True needs a `release`."""

    def __init__(
        self, clock: Clock, *, slots: int, timeouts_max: int = 5, pause: timedelta = timedelta(seconds=5)
    ) -> None:
        self._clock = clock
        self._semaphore = asyncio.Semaphore(slots)
        self._slots = slots
        self._in_use = 0
        self._timeouts_max = timeouts_max
        self._pause = pause
        self._consecutive_timeouts = 0
        self._paused_until: datetime | None = None

    @property
    def free_slots(self) -> int:
        """How many calls may begin now. After a pause it is one, and only while no other call is running."""
        if not self._is_tripped:
            return self._slots - self._in_use
        over = self._paused_until is None or self._clock.now() >= self._paused_until
        return 1 if over and not self._in_use else 0

    async def acquire(self, wait_s: float) -> bool:
        """Take a slot, waiting at most `wait_s` for one. Return False if there is none, or during a pause."""
        if self._is_tripped and self.free_slots == 0:
            return False
        if self._semaphore.locked():
            try:
                async with asyncio.timeout(wait_s):
                    await self._semaphore.acquire()
            except TimeoutError:
                return False
        else:
            await self._semaphore.acquire()  # returns at once
        self._in_use += 1
        return True

    def release(self, *, answered: bool) -> None:
        """Give the slot back. `answered` is whether the dependency responded at all, be it with an error."""
        self._in_use -= 1
        self._semaphore.release()
        self._consecutive_timeouts = 0 if answered else self._consecutive_timeouts + 1
        if self._is_tripped:
            self._paused_until = self._clock.now() + self._pause

    @property
    def _is_tripped(self) -> bool:
        return self._consecutive_timeouts >= self._timeouts_max


class Bulkheads:
    """One bulkhead per key, created when the key is first used."""

    def __init__(self, clock: Clock, *, slots: int) -> None:
        self._clock = clock
        self._slots = slots
        self._by_key: dict[str, Bulkhead] = {}

    def get(self, key: str) -> Bulkhead:
        """Return the bulkhead of a key."""
        bulkhead = self._by_key.get(key)
        if bulkhead is None:
            bulkhead = self._by_key[key] = Bulkhead(self._clock, slots=self._slots)
        return bulkhead

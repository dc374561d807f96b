"""The lanes to the endpoints: each has so much room, and closes for a while when nobody answers there.

So one endpoint that hangs holds up a bounded part of the window, and soon none of it. An endpoint that
answers with errors is no such case: it is quick.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from shared.clock import Clock

IN_FLIGHT_MAX = 64
_SILENCES_MAX = 5
_REST = timedelta(seconds=5)


class Bulkhead:
    """The way to one endpoint. Enter it before an attempt, leave it with the result."""

    def __init__(self, clock: Clock, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self._clock = clock
        self._places = asyncio.Semaphore(in_flight_max)
        self._max = in_flight_max
        self._in_flight = 0
        self._silences = 0
        self._closed_until: datetime | None = None

    @property
    def room(self) -> int:
        """How many attempts may begin now. After a rest, one tries whether the endpoint is back."""
        if self._silences < _SILENCES_MAX:
            return self._max - self._in_flight
        rested = self._closed_until is None or self._clock.now() >= self._closed_until
        return 1 if rested and not self._in_flight else 0

    async def enter(self, wait_s: float) -> bool:
        """Take a place, after waiting a little if all are taken; False when there is none."""
        if self.room == 0 and self._silences >= _SILENCES_MAX:
            return False
        try:
            # Where a place is free nobody is waited for, and no alarm is set.
            async with asyncio.timeout(wait_s if self._places.locked() else None):
                await self._places.acquire()
        except TimeoutError:
            return False
        self._in_flight += 1
        return True

    def leave(self, *, answered: bool) -> None:
        """Give the place back, and say whether the endpoint answered at all."""
        self._in_flight -= 1
        self._places.release()
        self._silences = 0 if answered else self._silences + 1
        if self._silences >= _SILENCES_MAX:
            self._closed_until = self._clock.now() + _REST


class Bulkheads:
    """A lane per endpoint, made when it is first asked for."""

    def __init__(self, clock: Clock, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self._clock = clock
        self._in_flight_max = in_flight_max
        self._lanes: dict[str, Bulkhead] = {}

    def of(self, target_id: str) -> Bulkhead:
        """Return the lane of an endpoint."""
        lane = self._lanes.get(target_id)
        if lane is None:
            lane = self._lanes[target_id] = Bulkhead(self._clock, self._in_flight_max)
        return lane

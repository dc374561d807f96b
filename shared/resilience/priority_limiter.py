"""A limiter of calls by rate and by concurrency, whose callers wait in lanes: a lower lane goes first."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 1.05
"""Five per cent longer than a second: calls may arrive closer together than they were started."""
_RESERVED_SHARE: Final = 5
_RESOLUTION_S: Final = 1e-6
"""Less than this is no wait: an event loop may call back that much too soon."""


class Turn:
    """A caller's place in the queue of a `PriorityLimiter`; it waits for `patience_s` seconds at most.

    `granted` becomes True when the call may start, False when it may not. `patience_s` bounds the wait of
    the call itself: a caller that shares the call may stop waiting sooner. `limiter` is where it waits.
    """

    def __init__(self, lane: int, patience_s: float) -> None:
        self.lane = lane
        self.patience_s = patience_s
        self.granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.limiter: PriorityLimiter | None = None

    def promote(self, lane: int) -> None:
        """Move to a lower lane, behind those who wait there; a higher one changes nothing."""
        if lane < self.lane:
            limiter = self.limiter
            if limiter is not None:
                limiter.leave(self)
            self.lane = lane
            if limiter is not None and not self.granted.done():
                limiter.enter(self)


class PriorityLimiter:
    """Lets at most `per_second` calls start in a second (a sliding window), and `in_flight` run at a time.

    Lane 0 is served first, and each lane in the order of arrival. A fifth of both limits is reserved for the
    first `urgent` lanes, so that their next caller need not wait for the calls of other lanes. `monotonic_s`
    is the clock: seconds that never go backwards.
    """

    def __init__(
        self,
        per_second: int,
        in_flight: int,
        *,
        lanes: int,
        urgent: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._in_flight_max = in_flight
        self._urgent = urgent
        self._monotonic_s = monotonic_s
        self._starts: deque[float] = deque(maxlen=per_second)
        self._waiting: tuple[dict[Turn, None], ...] = tuple({} for _ in range(lanes))
        self._in_flight = 0
        self._wake_up: asyncio.TimerHandle | None = None

    def wait_s(self, lane: int) -> float:
        """Return how many seconds the rate makes a caller wait who enters now; 0 when it need not wait."""
        ahead = sum(map(len, self._waiting[: lane + 1]))
        return self._delay_s(ahead + self._reserved(self._per_second, lane))

    async def acquire(self, turn: Turn) -> bool:
        """Wait for the turn; return whether the call may start. Every call that may needs a `release`."""
        self.enter(turn)
        try:
            async with asyncio.timeout(turn.patience_s):
                return await turn.granted
        except BaseException as error:
            self.leave(turn)
            if turn.granted.done() and not turn.granted.cancelled() and turn.granted.result():
                self.release()
            if isinstance(error, TimeoutError):
                return False
            raise

    def release(self) -> None:
        """Record the end of a call that was let through."""
        self._in_flight -= 1
        self._grant()

    def turn_away(self) -> None:
        """Let nobody wait any longer: whoever does now may not start a call."""
        for waiting in self._waiting:
            for turn in waiting:
                if not turn.granted.done():
                    turn.granted.set_result(False)
            waiting.clear()

    def enter(self, turn: Turn) -> None:
        """Put a turn behind those of its lane."""
        turn.limiter = self
        self._waiting[turn.lane][turn] = None
        self._grant()

    def leave(self, turn: Turn) -> None:
        """Take a turn out of its lane, if it still waits there."""
        if turn in self._waiting[turn.lane]:
            del self._waiting[turn.lane][turn]
            self._grant()

    def _grant(self) -> None:
        """Let those start who may, in their order; call this again when the rate lets the next one start."""
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
        for lane, waiting in enumerate(self._waiting):
            while waiting:
                if self._in_flight >= self._in_flight_max - self._reserved(self._in_flight_max, lane):
                    return
                if delay_s := self._delay_s(self._reserved(self._per_second, lane)):
                    self._wake_up = asyncio.get_running_loop().call_later(delay_s, self._grant)
                    return
                turn = next(iter(waiting))
                del waiting[turn]
                if not turn.granted.done():
                    turn.granted.set_result(True)
                    self._starts.append(self._monotonic_s())
                    self._in_flight += 1

    def _delay_s(self, ahead: int) -> float:
        """Return the seconds until the rate lets a call start that has `ahead` others before it."""
        now = self._monotonic_s()
        while self._starts and self._starts[0] + WINDOW_S <= now + _RESOLUTION_S:
            self._starts.popleft()
        ahead -= self._per_second - len(self._starts)
        if ahead < 0:
            return 0.0
        windows, place = divmod(ahead, self._per_second)
        began_s = self._starts[place] if place < len(self._starts) else now
        return max(began_s + WINDOW_S * (windows + 1) - now, 0.0)

    def _reserved(self, limit: int, lane: int) -> int:
        """Return how much of a limit this lane may not use."""
        return max(limit // _RESERVED_SHARE, 1) if limit > 1 and lane >= self._urgent else 0

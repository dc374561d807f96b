"""Single-flight: concurrent callers who ask for the same key share one call and its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

K = TypeVar("K")
R = TypeVar("R")


class SingleFlight(Generic[K, R]):
    """Keeps at most one call per key in flight, and a result worth keeping for `keep_s` seconds.

    A call that failed or was cancelled is always forgotten, so that the next caller tries again. `is_current`
    is asked before a kept result is given: a clock that may be moved on makes it too old sooner. At most
    `kept_max` calls are remembered after their end.
    """

    def __init__(
        self,
        *,
        keep_s: float,
        kept_max: int,
        is_worth_keeping: Callable[[R], bool],
        is_current: Callable[[R], bool],
    ) -> None:
        self._keep_s = keep_s
        self._kept_max = kept_max
        self._is_worth_keeping = is_worth_keeping
        self._is_current = is_current
        self._calls: dict[K, asyncio.Task[R]] = {}

    def find(self, key: K) -> asyncio.Task[R] | None:
        """Return the call of a key that is in flight or whose result is kept and current; None without one.

        Wait for it by `asyncio.shield`: a caller that is cancelled must not cancel the call of the others.
        """
        call = self._calls.get(key)
        if call is None or not call.done():
            return call
        return call if _succeeded(call) and self._is_current(call.result()) else None

    def start(self, key: K, call: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """Start the call of a key that `find` does not know, and return it."""
        task = asyncio.create_task(call)
        self._calls[key] = task
        task.add_done_callback(lambda done: self._keep_or_forget(key, done))
        return task

    async def close(self) -> None:
        """Cancel the calls that are in flight and wait until they have ended."""
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _keep_or_forget(self, key: K, call: asyncio.Task[R]) -> None:
        if _succeeded(call) and self._is_worth_keeping(call.result()) and len(self._calls) <= self._kept_max:
            asyncio.get_running_loop().call_later(self._keep_s, self._forget, key, call)
        else:
            self._forget(key, call)

    def _forget(self, key: K, call: asyncio.Task[R]) -> None:
        # A newer call of the key may have taken its place.
        if self._calls.get(key) is call:
            del self._calls[key]


def _succeeded(call: asyncio.Task[Any]) -> bool:
    return not call.cancelled() and call.exception() is None

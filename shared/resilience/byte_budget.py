"""A semaphore that counts bytes: what is in flight together is bounded by its size, not by its number."""

from __future__ import annotations

import asyncio
from collections import deque


class ByteBudget:
    """At most `bytes_max` bytes in use, first come, first served; what is larger than that is used alone."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._in_use = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size: int) -> None:
        """Wait until `size` bytes are free and take them. Each call needs a `release` of the same size."""
        if not self._waiting and self._fits(size):
            self._in_use += size
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.release(size)
            else:
                self._waiting.remove((size, granted))
            raise

    async def wait_for_room(self) -> None:
        """Wait until at most half of the bytes are in use, before more is read that has to wait here."""
        if self._in_use * 2 > self._bytes_max:
            half = self._bytes_max // 2
            await self.acquire(half)
            self.release(half)

    def release(self, size: int) -> None:
        """Give `size` bytes back."""
        self._in_use -= size
        while self._waiting and self._fits(self._waiting[0][0]):
            waiting_size, granted = self._waiting.popleft()
            self._in_use += waiting_size
            granted.set_result(None)

    def _fits(self, size: int) -> bool:
        return self._in_use == 0 or self._in_use + size <= self._bytes_max

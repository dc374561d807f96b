"""Unguessable bytes at the price of a slice: each request needs some, and asking the system costs a call."""

from __future__ import annotations

from collections.abc import Callable

_POOL_BYTES = 4096


class RandomPool:
    """Gives bytes of the system's, each byte once. For one thread."""

    def __init__(self, system: Callable[[int], bytes]) -> None:
        self._system = system
        self._pool = b""
        self._given = 0

    def __call__(self, count: int) -> bytes:
        """Return `count` bytes that nobody was given before."""
        end = self._given + count
        if end > len(self._pool):
            self._pool = self._system(max(_POOL_BYTES, count))
            end = count
        given = self._pool[end - count : end]
        self._given = end
        return given

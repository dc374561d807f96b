"""A buffer of random bytes: every request needs some, and a system call for each would be slow."""

from __future__ import annotations

from collections.abc import Callable

_POOL_BYTES = 4096


class RandomPool:
    """Returns bytes of the system's random source, each byte only once. Not thread-safe."""

    def __init__(self, system: Callable[[int], bytes]) -> None:
        self._system = system
        self._pool = b""
        self._given = 0

    def __call__(self, count: int) -> bytes:
        """Return `count` unguessable bytes that were never returned before."""
        end = self._given + count
        if end > len(self._pool):
            self._pool = self._system(max(_POOL_BYTES, count))
            end = count
        given = self._pool[end - count : end]
        self._given = end
        return given

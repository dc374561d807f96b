"""A batch loader (as in DataLoader): keys that are asked for at the same time become one read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

K = TypeVar("K")
R = TypeVar("R")


class _SharedRead(Generic[R]):
    """A read that several callers wait for. A caller that is cancelled leaves it and the others alone.

    One event for all costs a fraction of an `asyncio.shield` for each, and a lead waits several times.
    """

    __slots__ = ("_ended", "_task")

    def __init__(self, read: Coroutine[Any, Any, R]) -> None:
        self._ended = asyncio.Event()
        self._task = asyncio.create_task(read)
        self._task.add_done_callback(lambda _task: self._ended.set())

    async def result(self) -> R:
        """Return what the read returns; raises what it raises."""
        await self._ended.wait()
        return self._task.result()


class BatchLoader(Generic[K, R]):
    """Collects keys while a read is under way and hands all of them to the next call of `read_many`.

    Every caller gets the whole result of its batch and picks its own part. An error is raised to every caller
    of the batch; the next batch is read as if nothing had happened.
    """

    def __init__(self, read_many: Callable[[Sequence[K]], Awaitable[R]]) -> None:
        self._read_many = read_many
        self._one_read_at_a_time = asyncio.Lock()
        self._keys: list[K] = []
        self._next_read: _SharedRead[R] | None = None

    async def load(self, key: K) -> R:
        """Return the result of the batch that `key` is in."""
        self._keys.append(key)
        if self._next_read is None:
            self._next_read = _SharedRead(self._read_batch())
        return await self._next_read.result()

    async def _read_batch(self) -> R:
        async with self._one_read_at_a_time:
            keys, self._keys, self._next_read = self._keys, [], None
            return await self._read_many(keys)

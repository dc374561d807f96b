"""Reads for many at once: whoever asks while a read is under way is answered by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class _Read(Generic[A]):
    """A read that several wait for. Whoever stops waiting leaves it and the others alone.

    An event for all costs a fraction of `asyncio.shield` for each, and a lead waits several times.
    """

    __slots__ = ("_ended", "_task")

    def __init__(self, work: Coroutine[Any, Any, A]) -> None:
        self._ended = asyncio.Event()
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(lambda _task: self._ended.set())

    async def result(self) -> A:
        """Return what the read gives; raises what it raises."""
        await self._ended.wait()
        return self._task.result()


class BatchLoader(Generic[Q, A]):
    """Turns questions that are asked at the same time into one call of `read`; all get what it gives."""

    def __init__(self, read: Callable[[Sequence[Q]], Awaitable[A]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._asked: list[Q] = []
        self._next: _Read[A] | None = None

    async def ask(self, question: Q) -> A:
        """Return the answer to a set of questions that this one is among."""
        self._asked.append(question)
        if self._next is None:
            self._next = _Read(self._answer())
        return await self._next.result()

    async def _answer(self) -> A:
        async with self._turn:
            asked, self._asked, self._next = self._asked, [], None
            return await self._read(asked)

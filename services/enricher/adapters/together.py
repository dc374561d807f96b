"""Reads for many at once: whoever asks while a read is under way is answered by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Turns questions that are asked at the same time into one call of `read`; all get what it gives."""

    def __init__(self, read: Callable[[Sequence[Q]], Awaitable[A]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._asked: list[Q] = []
        self._next: asyncio.Task[A] | None = None

    async def ask(self, question: Q) -> A:
        """Return the answer to a set of questions that this one is among."""
        self._asked.append(question)
        if self._next is None:
            self._next = asyncio.create_task(self._answer())
        return await asyncio.shield(self._next)  # one who stops waiting leaves the others alone

    async def _answer(self) -> A:
        async with self._turn:
            asked, self._asked, self._next = self._asked, [], None
            return await self._read(asked)

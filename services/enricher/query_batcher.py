"""Micro-batching: queries that come at nearly the same time become one request of their vendor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from services.enricher.domain.providers import ProviderQuery
from services.enricher.providers.integration import ParsedReply
from shared.resilience.availability import Access
from shared.resilience.priority_limiter import Turn

Exchange = Callable[[Sequence[ProviderQuery], Turn, Access], Awaitable[Sequence[ParsedReply | None]]]
"""Sends one request for all queries; returns the reply for each in their order, None without a turn."""


class _Waiting(NamedTuple):
    query: ProviderQuery
    turn: Turn
    access: Access
    reply: asyncio.Future[ParsedReply | None]


class QueryBatcher:
    """Collects the queries of one subject for `wait_s` seconds, or until there are `size_max` of them.

    A batch waits for one turn of the limiter: that of its most urgent query. A query that is given up leaves
    the others alone.
    """

    def __init__(self, exchange: Exchange, size_max: int, wait_s: float) -> None:
        self._exchange = exchange
        self._size_max = size_max
        self._wait_s = wait_s
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._batches: set[asyncio.Task[None]] = set()

    async def ask(self, query: ProviderQuery, turn: Turn, access: Access) -> ParsedReply | None:
        """Return the reply for a query; None when the batch gets no turn."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(query, turn, access, loop.create_future())
        self._waiting.append(waiting)
        if len(self._waiting) >= self._size_max:
            self._begin()
        elif self._timer is None:
            self._timer = loop.call_later(self._wait_s, self._begin)
        return await waiting.reply

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = [one for one in self._waiting if not one.reply.done()], []
        if batch:
            task = asyncio.create_task(self._send(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        turn = Turn(min(one.turn.lane for one in batch), max(one.turn.patience_s for one in batch))
        turn.granted.add_done_callback(lambda granted: _grant(batch, granted))
        try:
            replies = await self._exchange([one.query for one in batch], turn, batch[0].access)
        except BaseException as error:
            for one in batch:
                if not one.reply.done():
                    one.reply.set_exception(error)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        for one, reply in zip(batch, replies, strict=True):
            if not one.reply.done():
                one.reply.set_result(reply)


def _grant(batch: Sequence[_Waiting], granted: asyncio.Future[bool]) -> None:
    """Tell those who wait for the turn of a query that it has come, or will not come."""
    if granted.cancelled():
        return
    for one in batch:
        if not one.turn.granted.done():
            one.turn.granted.set_result(granted.result())

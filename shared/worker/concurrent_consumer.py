"""The window drive: many records in flight, each waiting for others by itself (enricher, deliveries).

Records with the same key take turns; a slow one holds up its own key only. Those that are ready are
gathered into units of work, and the finished prefix of each partition is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from shared.errors import DataError
from shared.lead.events.envelope import Event
from shared.messaging.port import Record
from shared.worker.consumer import ConsumerDeps, ConsumerLoop, asked_for
from shared.worker.handler import Handler
from shared.worker.offset_tracker import TrackedRecord
from shared.worker.unit_of_work import Result, out_of_range


class _Flight:
    """One record on its way; `landed` when all its effects are published."""

    __slots__ = ("event", "key", "landed", "record", "token")

    def __init__(self, record: Record, token: TrackedRecord, event: Event[Any], key: str) -> None:
        self.record = record
        self.token = token
        self.event = event
        self.key = key
        self.landed = asyncio.Event()


class ConcurrentConsumer(ConsumerLoop):
    """Keeps a bounded number of records in flight, in order per `order_key` of their event."""

    def __init__(self, parts: ConsumerDeps, handler: Handler, order_key: Callable[[Event[Any]], str]) -> None:
        super().__init__(parts)
        self._handler = handler
        self._order_key = order_key
        self.reset()

    def reset(self) -> None:
        self._room = asyncio.Semaphore(self.parts.limits.window)
        self._last: dict[str, _Flight] = {}
        self._ready: list[_Flight] = []

    async def take(self, tasks: asyncio.TaskGroup, records: Sequence[Record]) -> None:
        for record in records:
            await self._room.acquire()
            if self.stop.is_set() or not self.progress.held([record]):
                self._room.release()
                continue
            token = self.progress.begin([record])
            good, bad = self.decoded([record])
            if bad:
                tasks.create_task(self._set_aside(record, token, bad[0][1]))
                continue
            event = good[0][1]
            flight = _Flight(record, token, event, self._order_key(event))
            before = self._last.get(flight.key)
            self._last[flight.key] = flight
            tasks.create_task(asked_for(self._fly(tasks, flight, before)))

    async def _fly(self, tasks: asyncio.TaskGroup, flight: _Flight, before: _Flight | None) -> None:
        if before is not None:
            await before.landed.wait()
        try:
            flight.event = await self._handler.prepare(flight.event)
        except (DataError, OverflowError) as error:
            reason = out_of_range(error) if isinstance(error, OverflowError) else error
            await self._set_aside(flight.record, flight.token, reason)
            self._land(flight)
            return
        self._ready.append(flight)
        if len(self._ready) == 1:
            tasks.create_task(asked_for(self._gather()))

    async def _gather(self) -> None:
        """Make one unit of work of all that is ready by the time the one before is decided."""
        async with self.gate:
            flights, self._ready = self._ready, []
            result, ack = await self.perform([flight.event for flight in flights])
        records = {id(flight.event): flight.record for flight in flights}
        rejected = [(records[id(event)], error) for event, error in result.rejected]
        await self.settle(list(records.values()), result, ack, rejected)
        self.progress.published(result.outbox_ids)
        for flight in flights:
            self.progress.finish(flight.token)
            self._room.release()
            self._land(flight)

    async def _set_aside(self, record: Record, token: TrackedRecord, error: DataError) -> None:
        await self.settle([record], Result(), _nothing(), [(record, error)])
        self.progress.finish(token)
        self._room.release()

    def _land(self, flight: _Flight) -> None:
        flight.landed.set()
        if self._last.get(flight.key) is flight:
            del self._last[flight.key]


async def _nothing() -> None:
    """Acknowledge at once: nothing was sent."""

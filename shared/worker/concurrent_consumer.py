"""Consumer for roles that wait for other systems (enricher, deliveries): many records in flight at once.

Records with the same key are processed one after the other, so a slow one holds up its own key only. Events
that are prepared are gathered into units of work, and of each partition the offsets before the first
unfinished record are committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from shared.errors import DataError
from shared.lead.events.envelope import Event
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import Partition, Record
from shared.worker.consumer import ConsumerDeps, ConsumerLoop, UnitQueue, cancellation_as_retry
from shared.worker.handler import Handler
from shared.worker.offset_tracker import TrackedRecord
from shared.worker.unit_of_work import Result, rejection_of


class _InFlight:
    """One record in flight; `completed` is set when all its effects are published."""

    __slots__ = ("completed", "event", "key", "record", "size", "tracked")

    def __init__(
        self, record: Record, size: int, tracked: TrackedRecord, event: Event[Any], key: str
    ) -> None:
        self.record = record
        self.size = size
        self.tracked = tracked
        self.event = event
        self.key = key
        self.completed = asyncio.Event()


class ConcurrentConsumer(ConsumerLoop):
    """Keeps at most `limits.records_in_flight` records in flight, in order per `order_key` of their event.

    A record that `is_needed` is false of is skipped without being decoded; its offset is committed.
    """

    def __init__(
        self,
        deps: ConsumerDeps,
        handler: Handler,
        order_key: Callable[[Event[Any]], str],
        is_needed: Callable[[Record], bool] = lambda _record: True,
    ) -> None:
        super().__init__(deps)
        self._handler = handler
        self._order_key = order_key
        self._is_needed = is_needed
        self.reset()

    def reset(self) -> None:
        self._free_slots = asyncio.Semaphore(self.deps.limits.records_in_flight)
        self._units = UnitQueue()
        self._last_of_key: dict[str, _InFlight] = {}
        self._prepared: list[_InFlight] = []

    async def dispatch(self, tasks: asyncio.TaskGroup, records: Sequence[Record], size: int) -> None:
        skipped: list[Record] = []
        for record in records:
            if not self._is_needed(record):
                if self.offsets.still_assigned([record]):
                    self.offsets.finish(self.offsets.begin([record]))
                # Only what a paused partition is probed with: skipping proves nothing of the role else.
                if Partition(record.topic, record.partition) in self.deps.breaker.open:
                    skipped.append(record)
                continue
            await self._free_slots.acquire()
            held = size if len(records) == 1 else stored_bytes(record)
            await self.budget.acquire(held)
            if self.stop.is_set() or not self.offsets.still_assigned([record]):
                self._release_slot(held)
                continue
            tracked = self.offsets.begin([record])
            decoded, rejected = self.decode_all([record])
            if rejected:
                tasks.create_task(self._reject(record, held, tracked, rejected[0][1]))
                continue
            event = decoded[0][1]
            flight = _InFlight(record, held, tracked, event, self._order_key(event))
            previous = self._last_of_key.get(flight.key)
            self._last_of_key[flight.key] = flight
            tasks.create_task(cancellation_as_retry(self._process(tasks, flight, previous)))
        if skipped:
            self.observe(skipped)

    async def _process(self, tasks: asyncio.TaskGroup, flight: _InFlight, previous: _InFlight | None) -> None:
        if previous is not None:
            await previous.completed.wait()
        try:
            flight.event = await self._handler.prepare(flight.event)
        except Exception as error:  # noqa: BLE001 - a record must not stop its role, whatever it triggers
            await self._reject(flight.record, flight.size, flight.tracked, rejection_of(error))
            self._release_key(flight)
            return
        self._prepared.append(flight)
        if len(self._prepared) == 1:
            tasks.create_task(cancellation_as_retry(self._decide_prepared()))

    async def _decide_prepared(self) -> None:
        """Decide in one unit of work all events that are prepared when it begins.

        It begins when the last unit has ended, and waits for more unless records wait for these by their key.
        """
        async with self._units.lock:
            if all(self._last_of_key.get(flight.key) is flight for flight in self._prepared):
                await self.wait_for_more(self._units, len(self._prepared), self.deps.limits.records_in_flight)
            flights, self._prepared = self._prepared, []
            result, ack = await self.run_unit(self._units, [flight.event for flight in flights])
        record_of = {id(flight.event): flight.record for flight in flights}
        rejected = [(record_of[id(event)], error) for event, error in result.rejected]
        await self.complete(list(record_of.values()), result, ack, rejected)
        self.offsets.add_published(result.outbox_ids)
        for flight in flights:
            self.offsets.finish(flight.tracked)
            self._release_slot(flight.size)
            self._release_key(flight)

    async def _reject(self, record: Record, size: int, tracked: TrackedRecord, error: DataError) -> None:
        # Nothing was sent, so the acknowledgement completes at once.
        await self.complete([record], Result(), asyncio.sleep(0), [(record, error)])
        self.offsets.finish(tracked)
        self._release_slot(size)

    def _release_slot(self, size: int) -> None:
        self._free_slots.release()
        self.budget.release(size)

    def _release_key(self, flight: _InFlight) -> None:
        flight.completed.set()
        if self._last_of_key.get(flight.key) is flight:
            del self._last_of_key[flight.key]

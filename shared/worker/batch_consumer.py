"""Consumer for roles that wait for no other system (scorer, router, ledger): a batch is one unit of work.

While one batch waits for its records to be acknowledged, the next is already being decided. Units of work
and sends keep the order of the batches, so the order of events per key is kept.

Where the database serves several transactions at once, the partitions are shared out to several queues of
units: one unit is written while another is decided. A partition keeps its order, and so does a key.

A poll that finds a batch which has not begun joins it (group commit): the statements and round trips of a
unit are shared by more records the further the role is behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.errors import DataError
from shared.lead.events.envelope import Event
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import Record
from shared.worker.consumer import ConsumerDeps, ConsumerLoop, UnitQueue, cancellation_as_retry
from shared.worker.offset_tracker import TrackedRecord


class _Batch:
    """The records of one or several polls, what they decode to, and the bytes that they hold in flight."""

    __slots__ = ("events", "records", "rejected", "size", "tracked")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.tracked: list[TrackedRecord] = []
        self.events: list[tuple[Record, Event[Any]]] = []
        self.rejected: list[tuple[Record, DataError]] = []
        self.size = 0


class BatchConsumer(ConsumerLoop):
    """Keeps at most `limits.batches_in_flight` batches in flight, each of `limits.polls_in_batch` full polls.

    It decides `limits.units_at_once` of them at once.
    """

    def __init__(self, deps: ConsumerDeps) -> None:
        super().__init__(deps)
        self.reset()

    def reset(self) -> None:
        self._free_slots = asyncio.Semaphore(self.deps.limits.batches_in_flight)
        self._queues = [UnitQueue() for _ in range(self.deps.limits.units_at_once)]
        self._next: dict[UnitQueue, _Batch] = {}  # the last batch of each, as long as it has not begun

    async def dispatch(self, tasks: asyncio.TaskGroup, records: Sequence[Record], size: int) -> None:
        if len(self._queues) == 1:
            await self._enqueue(tasks, self._queues[0], records, size)
            return
        shared: dict[UnitQueue, list[Record]] = {}
        for record in records:
            shared.setdefault(self._queues[record.partition % len(self._queues)], []).append(record)
        for queue, share in shared.items():
            await self._enqueue(tasks, queue, share, sum(map(stored_bytes, share)))

    async def _enqueue(
        self, tasks: asyncio.TaskGroup, queue: UnitQueue, records: Sequence[Record], size: int
    ) -> None:
        await self.budget.acquire(size)
        batch, limits = self._next.get(queue), self.deps.limits
        if batch is None or len(batch.records) + len(records) > limits.batch * limits.polls_in_batch:
            await self._free_slots.acquire()
            batch = None  # it may have begun meanwhile
        records = self.offsets.still_assigned(records)
        if self.stop.is_set() or not records:
            self.budget.release(size)
            if batch is None:
                self._free_slots.release()
            return
        if batch is None:
            batch = self._next[queue] = _Batch()
            tasks.create_task(cancellation_as_retry(self._process(queue, batch)))
        events, rejected = self.decode_all(records)
        batch.records += records
        batch.tracked.append(self.offsets.begin(records))
        batch.events += events
        batch.rejected += rejected
        batch.size += size

    async def _process(self, queue: UnitQueue, batch: _Batch) -> None:
        try:
            async with queue.lock:
                if self._may_grow(queue, batch):
                    limits = self.deps.limits
                    await self.wait_for_more(queue, len(batch.records), limits.batch * limits.polls_in_batch)
                if self._next.get(queue) is batch:
                    del self._next[queue]
                result, ack = await self.run_unit(queue, [event for _record, event in batch.events])
            record_of = {id(event): record for record, event in batch.events}
            rejected = [(record_of[id(event)], error) for event, error in result.rejected]
            await self.complete(batch.records, result, ack, [*batch.rejected, *rejected])
            self.offsets.add_published(result.outbox_ids)
            for tracked in batch.tracked:
                self.offsets.finish(tracked)
        finally:
            self._free_slots.release()
            self.budget.release(batch.size)

    def _may_grow(self, queue: UnitQueue, batch: _Batch) -> bool:
        """Return whether the next polls may join a batch.

        Where a poll has records for several queues, it waits for a free slot for those of the others.
        """
        return self._next.get(queue) is batch and (len(self._queues) == 1 or not self._free_slots.locked())

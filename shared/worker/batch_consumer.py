"""Consumer for roles that wait for no other system (scorer, router, ledger): one poll is one unit of work.

While one batch waits for its records to be acknowledged, the next is already being decided. Units of work
and sends keep the order of the batches, so the order of events per key is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.messaging.port import Record
from shared.worker.consumer import ConsumerDeps, ConsumerLoop, cancellation_as_retry, total_bytes
from shared.worker.offset_tracker import TrackedRecord


class BatchConsumer(ConsumerLoop):
    """Keeps at most `limits.batches_in_flight` batches in flight."""

    def __init__(self, deps: ConsumerDeps) -> None:
        super().__init__(deps)
        self.reset()

    def reset(self) -> None:
        self._free_slots = asyncio.Semaphore(self.deps.limits.batches_in_flight)

    async def dispatch(self, tasks: asyncio.TaskGroup, records: Sequence[Record]) -> None:
        size = total_bytes(records)
        await self._free_slots.acquire()
        await self.budget.acquire(size)
        records = self.offsets.still_assigned(records)
        if self.stop.is_set() or not records:
            self._free_slots.release()
            self.budget.release(size)
            return
        tasks.create_task(cancellation_as_retry(self._process(records, self.offsets.begin(records), size)))

    async def _process(self, records: Sequence[Record], tracked: TrackedRecord, size: int) -> None:
        try:
            events, rejected = self.decode_all(records)
            async with self.unit_lock:
                result, ack = await self.run_unit([event for _record, event in events])
            record_of = {id(event): record for record, event in events}
            rejected += ((record_of[id(event)], error) for event, error in result.rejected)
            await self.complete(records, result, ack, rejected)
            self.offsets.add_published(result.outbox_ids)
            self.offsets.finish(tracked)
        finally:
            self._free_slots.release()
            self.budget.release(size)

"""The batch drive: a poll is a unit of work. For roles that wait for nobody (scorer, router, ledger).

While one batch waits for its records to be acknowledged, the next is already being decided; units of
work and sends keep the order of the batches, so order per key is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.messaging.port import Record
from shared.worker.consumer import ConsumerDeps, ConsumerLoop, asked_for
from shared.worker.offset_tracker import TrackedRecord


class BatchConsumer(ConsumerLoop):
    """Keeps a few batches in flight."""

    def __init__(self, parts: ConsumerDeps) -> None:
        super().__init__(parts)
        self.reset()

    def reset(self) -> None:
        self._room = asyncio.Semaphore(self.parts.limits.batches_in_flight)

    async def take(self, tasks: asyncio.TaskGroup, records: Sequence[Record]) -> None:
        await self._room.acquire()
        held = self.progress.held(records)
        if self.stop.is_set() or not held:
            self._room.release()
            return
        tasks.create_task(asked_for(self._batch(held, self.progress.begin(held))))

    async def _batch(self, records: Sequence[Record], token: TrackedRecord) -> None:
        try:
            good, bad = self.decoded(records)
            async with self.gate:
                result, ack = await self.perform([event for _record, event in good])
            place = {id(event): record for record, event in good}
            bad += ((place[id(event)], error) for event, error in result.rejected)
            await self.settle(records, result, ack, bad)
            self.progress.published(result.outbox_ids)
            self.progress.finish(token)
        finally:
            self._room.release()

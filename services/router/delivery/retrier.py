"""Retries failed deliveries, each target by itself, as far as its bulkhead has free slots."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from services.router.delivery.delivery_reader import DeliveryReader
from services.router.delivery.sender import WebhookSender
from services.router.delivery.storage import DueDeliveries
from services.router.domain.delivery import DeliveryAttempt, WebhookTarget
from shared.clock import Clock
from shared.errors import Retry
from shared.resilience.bulkhead import Bulkheads

log = structlog.get_logger()

_BATCH_MAX = 32
_GIVE_UP_EVERY = timedelta(minutes=1)


class DeliveryRetrier:
    """Looks for due deliveries at each `step`. Each target has a task, so a slow one delays no other."""

    def __init__(
        self,
        *,
        due: DueDeliveries,
        reader: DeliveryReader,
        sender: WebhookSender,
        bulkheads: Bulkheads,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        stop: asyncio.Event,
    ) -> None:
        self._due = due
        self._reader = reader
        self._sender = sender
        self._bulkheads = bulkheads
        self._clock = clock
        self._tasks = tasks
        self._stop = stop
        self._running: set[str] = set()
        self._gave_up_at: datetime | None = None

    async def step(self) -> None:
        """Start a task for each target that has due deliveries and no task yet."""
        now = self._clock.now()
        due = await self._due.target_ids(now)
        if not due:
            return
        targets = {target.id: target for target in await self._reader.targets()}
        if self._gave_up_at is None or now - self._gave_up_at >= _GIVE_UP_EVERY:
            await self._due.give_up(due - targets.keys(), now)
            self._gave_up_at = now
        for target_id in sorted(due & targets.keys() - self._running):
            self._running.add(target_id)
            self._tasks.create_task(self._deliver_due(targets[target_id]))

    async def _deliver_due(self, target: WebhookTarget) -> None:
        """Deliver in batches until nothing is due, or an attempt fails."""
        try:
            while await self._deliver_batch(target) and not self._stop.is_set():
                pass
        except Retry as error:
            # The leases expire, and the deliveries are due again.
            log.warning("waiting", what="deliveries", reason=str(error))
        finally:
            self._running.discard(target.id)

    async def _deliver_batch(self, target: WebhookTarget) -> bool:
        """Attempt as many due deliveries as there are free slots; return whether all of them arrived."""
        limit = min(self._bulkheads.get(target.id).free_slots, _BATCH_MAX)
        leased = await self._due.lease(target.id, limit, self._clock.now()) if limit else []
        bodies = await self._due.bodies(leased)
        sent = [row for row in leased if row.id in bodies]
        attempts = await asyncio.gather(
            *(self._sender.attempt(target, row.event_id, bodies[row.id]) for row in sent)
        )
        results: dict[str, DeliveryAttempt | None] = {
            row.id: DeliveryAttempt(error="the event is not kept any more") for row in leased
        }
        results |= {row.id: attempt for row, attempt in zip(sent, attempts, strict=True)}
        await self._due.settle(results, leased, self._clock.now())
        return bool(leased) and all(attempt and attempt.delivered for attempt in results.values())

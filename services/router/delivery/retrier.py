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

_BATCH_MIN, _BATCH_MAX = 4, 32
"""Deliveries to one target at a time: few at first, twice as many after each batch that arrived whole."""
_TARGETS_MAX = 256
_LEASED_MAX = 2_048
"""Deliveries of all targets at a time, which are in memory with their bodies."""
_GIVE_UP_EVERY = timedelta(minutes=1)


class DeliveryRetrier:
    """Looks for due deliveries at each `step`, the longest due first. A slow target delays no other.

    However much is due, for example after an outage, what is sent at once is bounded: to each target, and to
    all together.
    """

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
        self._waiting: dict[str, WebhookTarget] = {}
        self._gave_up_at: datetime | None = None

    async def step(self) -> None:
        """Let tasks deliver what is due, one for each target as far as there may be more tasks."""
        now = self._clock.now()
        due = await self._due.target_ids(now)
        if not due:
            return
        targets = {target.id: target for target in await self._reader.targets()}
        if self._gave_up_at is None or now - self._gave_up_at >= _GIVE_UP_EVERY:
            await self._due.give_up({*due} - targets.keys(), now)
            self._gave_up_at = now
        self._waiting = {id_: targets[id_] for id_ in due if id_ in targets and id_ not in self._running}
        while self._waiting and len(self._running) < _TARGETS_MAX:
            self._tasks.create_task(self._deliver_due(self._next_target()))

    def _next_target(self) -> WebhookTarget:
        target = self._waiting.pop(next(iter(self._waiting)))
        self._running.add(target.id)
        return target

    async def due_within(self, seconds: float) -> float:
        """Return in how many seconds the first delivery is due, `seconds` if none is before."""
        now = self._clock.now()
        first = await self._due.first_at(now + timedelta(seconds=seconds))
        return seconds if first is None else max(0.0, (first - now).total_seconds())

    async def _deliver_due(self, target: WebhookTarget) -> None:
        """Deliver in batches until nothing is due or an attempt fails; then go on with another target."""
        while True:
            size = _BATCH_MIN
            try:
                while await self._deliver_batch(target, size) and not self._stop.is_set():
                    size = min(2 * size, _BATCH_MAX)
            except Retry as error:
                # The leases expire, and the deliveries are due again.
                log.warning("waiting", what="deliveries", reason=str(error))
            finally:
                self._running.discard(target.id)
            if not self._waiting or self._stop.is_set():
                return
            target = self._next_target()

    async def _deliver_batch(self, target: WebhookTarget, size: int) -> bool:
        """Attempt `size` due deliveries at most; return whether there were any and all arrived."""
        free_slots = self._bulkheads.get(target.id).free_slots
        limit = min(size, free_slots, _LEASED_MAX // len(self._running))
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

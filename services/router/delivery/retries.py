"""Tries again what was not delivered, each endpoint by itself, as much as its lane has room for."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from services.router.delivery.bulkhead import Bulkheads
from services.router.delivery.delivery_reader import KnownDeliveries
from services.router.delivery.sender import Poster
from services.router.delivery.storage import DueDeliveries
from services.router.domain.delivery import Attempt, DeliveryRow, Target
from shared.clock import Clock
from shared.errors import Retry

log = structlog.get_logger()

_AT_ONCE = 32
_GIVE_UP_EVERY = timedelta(minutes=1)


class Retries:
    """Looks for due deliveries at each `step`; the attempts themselves go on in `tasks`."""

    def __init__(
        self,
        *,
        due: DueDeliveries,
        known: KnownDeliveries,
        poster: Poster,
        lanes: Bulkheads,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        stop: asyncio.Event,
    ) -> None:
        self._due = due
        self._known = known
        self._poster = poster
        self._lanes = lanes
        self._clock = clock
        self._tasks = tasks
        self._stop = stop
        self._busy: set[str] = set()
        self._gave_up_at: datetime | None = None

    async def step(self) -> None:
        """Begin what is due and was not begun yet."""
        now = self._clock.now()
        endpoints = await self._due.endpoints(now)
        if not endpoints:
            return
        targets = {target.id: target for target in await self._known.targets()}
        await self._give_up(endpoints - targets.keys(), now)
        for endpoint in sorted(endpoints & targets.keys() - self._busy):
            self._busy.add(endpoint)
            self._tasks.create_task(self._again(targets[endpoint]))

    async def _again(self, target: Target) -> None:
        try:
            while await self._some(target):
                pass
        except Retry as error:
            # The leases run out, and the deliveries are due again.
            log.warning("waiting", what="deliveries", reason=str(error))
        finally:
            self._busy.discard(target.id)

    async def _some(self, target: Target) -> bool:
        """Try what the lane has room for; tell whether more is worth trying at once."""
        room = min(self._lanes.of(target.id).room, _AT_ONCE)
        leased = await self._due.lease(target.id, room, self._clock.now()) if room else []
        bodies = await self._due.bodies(leased)
        attempts = await asyncio.gather(*(self._one(target, row, bodies.get(row.id)) for row in leased))
        made = {row.id: attempt for row, attempt in zip(leased, attempts, strict=True)}
        await self._due.settle(made, leased, self._clock.now())
        working = all(attempt is not None and attempt.delivered for attempt in attempts)
        return bool(leased) and working and not self._stop.is_set()

    async def _one(self, target: Target, row: DeliveryRow, body: bytes | None) -> Attempt | None:
        if body is None:
            return Attempt(error="the event is not kept any more")
        return await self._poster.attempt(target, row.event_id, body)

    async def _give_up(self, orphans: set[str], now: datetime) -> None:
        if self._gave_up_at is not None and now - self._gave_up_at < _GIVE_UP_EVERY:
            return
        await self._due.give_up(orphans, now)
        self._gave_up_at = now

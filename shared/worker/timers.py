"""Timers: rows with a due time that become events, so that they take the one path that takes locks.

Whoever is free leases due rows (SKIP LOCKED in PostgreSQL); a lease that its holder did not live to use
runs out. The handler that decides the fired timer puts it off or removes it; a timer that was moved in
the meantime is superseded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Integer, and_, bindparam, func, or_, select

from shared.clock import Clock
from shared.lead.events.envelope import Event
from shared.lead.ids import timer_cause
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.storage.types import UtcTime
from shared.worker.rows import TimerRow
from shared.worker.tables import timers

TIMER_TYPE = "baton.timer.v1"
LEASE = timedelta(seconds=30)


def fired_timer(event: Event[Any]) -> TimerRow | None:
    """Return the timer that this event is the firing of, if it is one."""
    return event.data if event.type == TIMER_TYPE else None


def timer_event(timer: TimerRow, at: datetime) -> Event[TimerRow]:
    """Return the event that a due timer becomes."""
    cause = timer_cause(timer.kind, timer.due_at)
    return Event(
        id=cause,
        source=f"/baton/{timer.role}/timers",
        type=TIMER_TYPE,
        subject=timer.subject,
        time=at,
        data=timer,
        own_cause=cause,
    )


class Timers:
    """The timers of one role."""

    def __init__(self, role: str, database: Database, clock: Clock) -> None:
        self._role = role
        self._database = database
        self._clock = clock
        # Made once: it is asked several times a second, and costs more to make than to run.
        now = bindparam("now", type_=UtcTime())
        waits = and_(
            timers.c.role == role,
            timers.c.due_at <= now,
            or_(timers.c.leased_until.is_(None), timers.c.leased_until <= now),
        )
        self._count = select(func.count()).select_from(timers).where(waits)
        self._due = (
            select(timers)
            .where(waits)
            .order_by(timers.c.due_at)
            .limit(bindparam("limit", type_=Integer()))
            .with_for_update(skip_locked=True)
        )

    async def due(self) -> int:
        """Return how many timers are due and not taken."""
        async with self._database.read() as tx:
            return int((await tx.execute(self._count, {"now": self._clock.now()})).scalar_one())

    async def take(self, limit: int) -> Sequence[Event[TimerRow]]:
        """Lease at most `limit` due timers and return their events, the longest due first."""
        now = self._clock.now()
        async with self._database.begin() as tx:
            found = await tx.execute(self._due, {"now": now, "limit": limit})
            taken = [TimerRow(**row) for row in found.mappings()]
            leased = IdentityMap(taken)
            leased.apply(Put(replace(timer, leased_until=now + LEASE)) for timer in taken)
            await tx.write(leased)
        return [timer_event(timer, now) for timer in taken]

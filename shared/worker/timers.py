"""Timers: rows with a due time. A due timer becomes an event and is decided in a unit of work like any other.

Any process of the role leases due rows (SKIP LOCKED on PostgreSQL). A lease runs out after `LEASE`, so that
a timer whose holder died fires again. The handler that decides a fired timer removes it or sets a new due
time; a timer that was changed after it was leased is superseded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Integer, and_, bindparam, func, or_, select

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
    """Return the timer of a timer event, None for any other event."""
    return event.data if event.type == TIMER_TYPE else None


def timer_event(timer: TimerRow, at: datetime) -> Event[TimerRow]:
    """Return the event of a due timer; its id is derived from the kind and the due time."""
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
    """The timers of one role. Those that are due are taken in the order `first`, then of their due times.

    With `only`, timers of these kinds are taken, and with `without`, those of all other kinds.
    """

    def __init__(
        self,
        role: str,
        database: Database,
        clock: Clock,
        *,
        first: Sequence[ColumnElement[bool]] = (),
        only: Collection[str] = (),
        without: Collection[str] = (),
    ) -> None:
        self._role = role
        self._database = database
        self._clock = clock
        # Built once: the query runs several times a second, and building it costs more than running it.
        now = bindparam("now", type_=UtcTime())
        due = and_(
            timers.c.role == role,
            timers.c.due_at <= now,
            *((timers.c.kind.in_(sorted(only)),) if only else ()),
            *((timers.c.kind.not_in(sorted(without)),) if without else ()),
        )
        unleased = and_(due, or_(timers.c.leased_until.is_(None), timers.c.leased_until <= now))
        self._first_due = select(timers.c.due_at).where(due).order_by(timers.c.due_at).limit(1)
        self._count = select(func.count()).select_from(timers).where(unleased)
        self._due = (
            select(timers)
            .where(unleased)
            .order_by(*first, timers.c.due_at)
            .limit(bindparam("limit", type_=Integer()))
            .with_for_update(skip_locked=True)
        )

    async def count_due(self) -> int:
        """Return the number of timers that are due and not leased."""
        async with self._database.read() as tx:
            return int((await tx.execute(self._count, {"now": self._clock.now()})).scalar_one())

    async def due_within(self, seconds: float) -> float:
        """Return in how many seconds the first timer is due; `seconds` if none is before."""
        first = await self._first_due_at(self._clock.now() + timedelta(seconds=seconds))
        return seconds if first is None else max(0.0, (first - self._clock.now()).total_seconds())

    async def _first_due_at(self, before: datetime) -> datetime | None:
        async with self._database.read() as tx:
            found = await tx.execute(self._first_due, {"now": before})
            first: datetime | None = found.scalar_one_or_none()
        return first

    async def lease_due(self, limit: int) -> Sequence[Event[TimerRow]]:
        """Lease at most `limit` due timers and return their events, in their order."""
        now = self._clock.now()
        if await self._first_due_at(now) is None:  # most often: then no writer is kept waiting
            return ()
        async with self._database.begin() as tx:
            found = await tx.execute(self._due, {"now": now, "limit": limit})
            due = [TimerRow(**row) for row in found.mappings()]
            leased = IdentityMap(due)
            leased.apply(Put(replace(timer, leased_until=now + LEASE)) for timer in due)
            await tx.write(leased)
        return [timer_event(timer, now) for timer in due]

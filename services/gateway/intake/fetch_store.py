"""Stores leads that are still to be fetched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from msgspec import structs
from sqlalchemy import delete, func, select, update

from services.gateway.domain.pending_fetches import LEASE, SOURCE_ROWS_MAX, PendingFetch
from services.gateway.domain.rejected import mentions
from services.gateway.tables import pending_fetches as table
from shared.errors import BackOff
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put

_CLAIMED_TOGETHER: Final = 20


class StoredFetches:
    """The pending fetches in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, fetches: Sequence[PendingFetch]) -> None:
        """Store fetches; one that is stored already stays as it is. Raises `Retry`, also for too many."""
        if not fetches:
            return
        rows = IdentityMap()
        rows.apply([Put(fetch) for fetch in fetches])
        async with self._database.begin() as tx:
            for source, count in Counter(fetch.source for fetch in fetches).items():
                waiting = select(func.count()).where(table.c.source == source)
                if ((await tx.execute(waiting)).scalar() or 0) + count > SOURCE_ROWS_MAX:
                    raise BackOff(f"{source}: too many leads are still to be fetched", after_s=60.0)
            await tx.write(rows)

    async def claim(self, now: datetime) -> list[PendingFetch]:
        """Return fetches that are due; until their lease ends nobody else gets them. Raises `Retry`."""
        due = select(table).where(table.c.due_at <= now).order_by(table.c.due_at).limit(_CLAIMED_TOGETHER)
        async with self._database.read() as tx:
            if (await tx.execute(due.limit(1))).first() is None:
                return []
        async with self._database.begin() as tx:
            claimed = await tx.execute(due.with_for_update(skip_locked=True))
            found = [PendingFetch(*tuple(row)) for row in claimed]
            ids = [fetch.id for fetch in found]
            await tx.execute(update(table).where(table.c.id.in_(ids)).values(due_at=now + LEASE))
        return found

    async def postpone(self, fetch: PendingFetch, due_at: datetime, detail: str) -> None:
        """Record that an attempt failed, and when the next one is due. Raises `Retry`."""
        later = structs.replace(fetch, attempts=fetch.attempts + 1, due_at=due_at, detail=detail[:500])
        values = {"attempts": later.attempts, "due_at": later.due_at, "detail": later.detail}
        async with self._database.begin() as tx:
            await tx.execute(update(table).where(table.c.id == fetch.id).values(values))

    async def remove(self, fetch: PendingFetch) -> None:
        """Forget a fetch that is done. Raises `Retry`."""
        async with self._database.begin() as tx:
            await tx.execute(delete(table).where(table.c.id == fetch.id))


async def forget_fetches(database: Database, identifiers: Collection[str]) -> None:
    """Delete the fetches whose items mention a person; see `domain.rejected.mentions`. For erasure."""
    async with database.read() as tx:
        rows = [(row.id, row.item) for row in await tx.execute(select(table.c.id, table.c.item))]
    named = [id_ for id_, item in rows if mentions(item, identifiers)]
    if named:
        async with database.begin() as tx:
            await tx.execute(delete(table).where(table.c.id.in_(named)))


async def pending_by_source(database: Database) -> dict[str, int]:
    """Return how many leads of each source are still to be fetched."""
    counted = select(table.c.source, func.count().label("number")).group_by(table.c.source)
    async with database.read() as tx:
        return {row.source: row.number for row in await tx.execute(counted)}

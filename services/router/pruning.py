"""Lets go of deliveries and assignments that are long over, a bounded number in each transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, ColumnElement, delete, func, select

from services.router.tables import assignments, deliveries
from shared.storage.database import Database

CHUNK: Final = 500
ASSIGNMENTS_KEPT: Final = timedelta(days=90)
"""How long an ended assignment still counts: by then who rejected a lead may be given it again."""


async def prune_deliveries(database: Database, before: datetime) -> bool:
    """Delete some of what was made before then and is over, of each endpoint; True when there may be more.

    A record that comes again is known by its deliveries, so they are kept as long as the topics keep records.
    """
    more = False
    endpoint = await _endpoint_after(database, "")
    while endpoint is not None:
        over = (
            deliveries.c.subscription_id == endpoint,
            deliveries.c.created_at < before,
            deliveries.c.next_attempt_at.is_(None),
        )
        more |= await _delete_some(database, deliveries.c.id, *over)
        endpoint = await _endpoint_after(database, endpoint)
    return more


async def prune_assignments(database: Database, before: datetime) -> bool:
    """Delete some of the assignments that ended before then; True when there may be more."""
    return await _delete_some(database, assignments.c.id, assignments.c.closed_at < before)


async def _endpoint_after(database: Database, endpoint: str) -> str | None:
    """Return the next endpoint that has deliveries: each is found by one look into the index."""
    following = select(func.min(deliveries.c.subscription_id)).where(deliveries.c.subscription_id > endpoint)
    async with database.read() as tx:
        found: str | None = (await tx.execute(following)).scalar_one()
    return found


async def _delete_some(database: Database, id_: Column[str], *which: ColumnElement[bool]) -> bool:
    some = select(id_).where(*which).limit(CHUNK)
    # Asked of the row again, in case it was sent again since it was selected.
    gone = delete(id_.table).where(id_.in_(some), *which)
    async with database.begin() as tx:
        result = await tx.execute(gone)
    return result.rowcount == CHUNK

"""Deletes old deliveries and assignments, a bounded number per transaction to hold locks briefly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, ColumnElement, delete, func, select

from services.router.tables import assignments, deliveries
from shared.storage.database import Database

CHUNK: Final = 500
ASSIGNMENTS_KEPT: Final = timedelta(days=90)
"""After this time the counts of rejections forget an assignment. Who rejected a lead stays on the lead."""


async def prune_deliveries(database: Database, before: datetime) -> bool:
    """Delete up to 500 finished deliveries of each target from before `before`. True when there may be more.

    Deliveries must be kept as long as the topics keep records: a record that is read again is recognised by
    its deliveries.
    """
    more = False
    target_id = await _target_id_after(database, "")
    while target_id is not None:
        finished = (
            deliveries.c.subscription_id == target_id,
            deliveries.c.created_at < before,
            deliveries.c.next_attempt_at.is_(None),
        )
        more |= await _delete_chunk(database, deliveries.c.id, *finished)
        target_id = await _target_id_after(database, target_id)
    return more


async def prune_assignments(database: Database, before: datetime) -> bool:
    """Delete up to 500 assignments that ended before `before`. True when there may be more."""
    return await _delete_chunk(database, assignments.c.id, assignments.c.closed_at < before)


async def _target_id_after(database: Database, target_id: str) -> str | None:
    """Return the next target id that has deliveries, by one index lookup."""
    following = select(func.min(deliveries.c.subscription_id)).where(deliveries.c.subscription_id > target_id)
    async with database.read() as tx:
        found: str | None = (await tx.execute(following)).scalar_one()
    return found


async def _delete_chunk(database: Database, id_: Column[str], *which: ColumnElement[bool]) -> bool:
    chunk = select(id_).where(*which).limit(CHUNK)
    # The condition is repeated, because a delivery may have been made due again since it was selected.
    statement = delete(id_.table).where(id_.in_(chunk), *which)
    async with database.begin() as tx:
        result = await tx.execute(statement)
    return result.rowcount == CHUNK

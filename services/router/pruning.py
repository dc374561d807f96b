"""Deletes old deliveries and assignments, a bounded number per transaction to hold locks briefly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, ColumnElement, delete, select, tuple_

from services.router.tables import assignments, deliveries, delivery_attempts
from shared.storage.database import Database

CHUNK: Final = 500
ATTEMPTS_KEPT: Final = timedelta(days=14)
ASSIGNMENTS_KEPT: Final = timedelta(days=90)
"""After this time the counts of rejections forget an assignment. Who rejected a lead stays on the lead."""


async def prune_deliveries(database: Database, before: datetime) -> bool:
    """Delete up to 500 finished deliveries from before `before`. True when there may be more.

    Deliveries must be kept as long as the topics keep records: a record that is read again is recognised by
    its deliveries.
    """
    is_finished = deliveries.c.next_attempt_at.is_(None)
    return await _delete_chunk(database, deliveries.c.id, deliveries.c.created_at < before, is_finished)


async def prune_attempts(database: Database, before: datetime) -> bool:
    """Delete up to 500 attempts of deliveries from before `before`. True when there may be more."""
    oldest = delivery_attempts.c.at < before
    keys = (delivery_attempts.c.delivery_id, delivery_attempts.c.at)
    chunk = select(*keys).where(oldest).limit(CHUNK)
    async with database.begin() as tx:
        result = await tx.execute(delete(delivery_attempts).where(tuple_(*keys).in_(chunk)))
    return result.rowcount == CHUNK


async def prune_assignments(database: Database, before: datetime) -> bool:
    """Delete up to 500 assignments that ended before `before`. True when there may be more."""
    return await _delete_chunk(database, assignments.c.id, assignments.c.closed_at < before)


async def _delete_chunk(database: Database, id_: Column[str], *which: ColumnElement[bool]) -> bool:
    chunk = select(id_).where(*which).limit(CHUNK)
    # The condition is repeated, because a delivery may have been made due again since it was selected.
    statement = delete(id_.table).where(id_.in_(chunk), *which)
    async with database.begin() as tx:
        result = await tx.execute(statement)
    return result.rowcount == CHUNK

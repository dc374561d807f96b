"""Rejected submissions of a source."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update

from services.gateway.domain.rejected import KEPT, RejectedSubmission
from services.gateway.tables import rejected_submissions as table
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor


async def list_rejected(
    tx: Tx, source: str, now: datetime, after: Cursor | None, limit: int
) -> list[RejectedSubmission]:
    """Return at most `limit` submissions, the newest first, from the cursor `after` on."""
    statement = select(table).where(table.c.source == source, table.c.received_at >= now - KEPT)
    if after is not None:
        statement = statement.where(after_cursor(after, table.c.received_at, table.c.id))
    statement = statement.order_by(table.c.received_at.desc(), table.c.id.desc()).limit(limit)
    return [RejectedSubmission(*tuple(row)) for row in await tx.execute(statement)]


async def rejected_ids(tx: Tx, source: str, now: datetime) -> list[str]:
    """Return the ids of all submissions of a source, the oldest first."""
    statement = select(table.c.id).where(table.c.source == source, table.c.received_at >= now - KEPT)
    statement = statement.order_by(table.c.received_at, table.c.id)
    return list((await tx.execute(statement)).scalars())


async def find_rejected(
    tx: Tx, source: str, now: datetime, ids: Collection[str]
) -> dict[str, RejectedSubmission]:
    """Return those of the named submissions that the source still has, by id."""
    kept = (table.c.source == source, table.c.received_at >= now - KEPT)
    result = await tx.execute(select(table).where(*kept, table.c.id.in_(ids)))
    return {row.id: RejectedSubmission(*tuple(row)) for row in result}


async def set_waits_for(tx: Tx, id_: str, waits_for: str | None) -> None:
    """Record for which known entity a submission waits."""
    await tx.execute(update(table).where(table.c.id == id_).values(waits_for=waits_for))


async def delete_rejected(tx: Tx, ids: Collection[str]) -> None:
    """Delete submissions."""
    await tx.execute(delete(table).where(table.c.id.in_(ids)))

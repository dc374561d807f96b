"""Deletes counters of old hours, and old dead letters: few per transaction, to hold locks briefly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from services.ledger.counting import first_hour_kept
from services.ledger.tables import COUNTERS, dead_letters
from shared.storage.database import Database

DEAD_LETTERS_KEPT: Final = timedelta(days=30)
"""Long enough to mend a cause and replay; what a dead letter holds of a person is not kept for ever."""
CHUNK: Final = 100


async def prune_dead_letters(database: Database, now: datetime) -> bool:
    """Delete the oldest dead letters that were kept long enough. True when there may be more."""
    old = select(dead_letters.c.id).where(dead_letters.c.at < now - DEAD_LETTERS_KEPT)
    chunk = old.order_by(dead_letters.c.at).limit(CHUNK)
    async with database.begin() as tx:
        result = await tx.execute(delete(dead_letters).where(dead_letters.c.id.in_(chunk)))
    return result.rowcount == CHUNK


async def prune_hours(database: Database, now: datetime) -> None:
    """Delete the counters of hours that no report asks for any more."""
    async with database.begin() as tx:
        for table in COUNTERS:
            await tx.execute(delete(table).where(table.c.grain == "h", table.c.day < first_hour_kept(now)))

"""Creates the recurring timer that assigns waiting leads."""

from __future__ import annotations

from msgspec.structs import asdict
from sqlalchemy.dialects import postgresql, sqlite

from shared.storage.database import Database
from shared.worker.rows import TimerRow
from shared.worker.tables import timers


async def ensure_timer(database: Database, timer: TimerRow) -> None:
    """Insert the timer if it is missing. An existing one keeps its due time."""
    insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    async with database.begin() as tx:
        await tx.execute(insert(timers).on_conflict_do_nothing(), [asdict(timer)])

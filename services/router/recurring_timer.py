"""The timer that always stands: it looks after the leads that wait."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite

from shared.storage.database import Database
from shared.worker.rows import TimerRow
from shared.worker.tables import timers


async def stand_up(database: Database, timer: TimerRow) -> None:
    """Make the timer when it is missing; leave one that is there as it is."""
    insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    values = {name: getattr(timer, name) for name in timer.__struct_fields__}
    async with database.begin() as tx:
        await tx.execute(insert(timers).on_conflict_do_nothing(), [values])

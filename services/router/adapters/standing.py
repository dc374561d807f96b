"""The rows that always stand: every rep's place in the rotation, and the timer of the leads that wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from services.router.domain.plan import Plan
from services.router.domain.state import RepQueueRow
from shared.runtime.rows import Row, TimerRow
from shared.sql.engine import Database, Tx
from shared.sql.tables.common import timers
from shared.sql.tables.router import rep_queues


async def stand_up(database: Database, plan: Plan, drain: TimerRow) -> None:
    """Make the rows that are missing; leave those that are there as they are."""
    places = [RepQueueRow(queue, rep.id) for rep in plan.reps.values() for queue in rep.queues]
    async with database.begin() as tx:
        await _add_missing(tx, rep_queues, sorted(places, key=lambda place: place.key))
        await _add_missing(tx, timers, [drain])


async def _add_missing(tx: Tx, table: Table, rows: list[RepQueueRow] | list[TimerRow]) -> None:
    insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
    if rows:
        await tx.execute(insert(table).on_conflict_do_nothing(), [_values(row) for row in rows])


def _values(row: Row) -> dict[str, bool | int | str | datetime | None]:
    return {name: getattr(row, name) for name in row.__struct_fields__}

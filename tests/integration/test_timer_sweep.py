"""The sweep for due timers reads the few that are due by an index, however many are open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event, insert, text

from shared.clock import FixedClock
from shared.storage.database import Database
from shared.worker.tables import timers as timer_table
from shared.worker.timers import Timers
from tests.support.scored_leads import AT

OPEN = 20_000
INDEX = "ix_timers_role_due_at"


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Keep the statements that are run meanwhile, with their parameters."""
    kept: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        kept.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield kept
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


async def test_a_sweep_finds_the_due_timers_by_the_index(database: Database):
    values = [
        {
            "subject": f"lead-{number}",
            "role": "router",
            "kind": "sla",
            "due_at": AT + timedelta(minutes=number),
        }
        for number in range(OPEN)
    ]
    async with database.begin() as tx:
        await tx.execute(insert(timer_table), values)
        await tx.execute(text("ANALYZE"))
    timers = Timers("router", database, FixedClock(AT + timedelta(minutes=2)))
    with statements() as ran:
        fired = await timers.lease_due(10)
        await timers.count_due()
    assert [one.subject for one in fired] == ["lead-0", "lead-1", "lead-2"]
    reads = [(statement, given) for statement, given in ran if statement.lstrip().startswith("SELECT")]
    assert len(reads) >= 2
    explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    async with database.read() as tx:
        for statement, given in reads:
            plan = await tx._connection.exec_driver_sql(f"{explain} {statement}", given)
            assert INDEX in str(plan.all()), statement

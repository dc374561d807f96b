"""The sweep for due timers reads the few that are due by an index, however many are open."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, text

from shared.storage.database import Database
from shared.worker.tables import timers as timer_table
from shared.worker.timers import Timers
from tests.support.fixed_clock import FixedClock
from tests.support.scored_leads import AT
from tests.support.statements import statements

OPEN = 20_000
INDEX = "ix_timers_role_due_at"


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

"""Many leads in the tables that lists are read from, and the plan by which a database answers a statement."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, text

from services.ledger.domain.lead_names import words_of
from services.ledger.tables import lead_names, lead_views
from services.router.tables import assignments, routed_leads
from shared.storage.database import Database, Tx
from tests.support.statements import statements

NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUEUES: Final = ("bdr", "sdr", "senior-ae")
GRADES: Final = tuple(f"{fit}{intent}" for fit in "ABCD" for intent in range(1, 5))
RULES: Final = ("high-intent", "strategic", "fits", "nurture", "existing-owner")
_BATCH: Final = 2_000


def lead_id(number: int) -> str:
    return f"{number:08d}-0000-0000-0000-000000000000"


def view(number: int, **other: Any) -> dict[str, Any]:
    """Return the row of `lead_views` of a lead, of which every tenth is suppressed."""
    is_suppressed = number % 10 == 9
    stages = {
        f"{stage}_sequence": 1 for stage in ("enriched", "scored", "routed", "owned", "briefed", "ruled")
    }
    stages |= {f"{stage}_revision": 1 for stage in ("enriched", "scored", "routed")}
    queue = None if is_suppressed else QUEUES[number % len(QUEUES)]
    return {
        **dict.fromkeys(column.name for column in lead_views.c),
        **stages,
        "lead_id": lead_id(number),
        "account": f"company{number // 4}.example",
        "email": f"person{number}@company{number // 4}.example",
        "status": "suppressed" if is_suppressed else "routed",
        "queue": queue,
        "owner": queue and f"{queue}-{number % 20}",
        "motion": queue and "work",
        "revision": 1,
        "first_at": NOW - timedelta(seconds=30 * number),
        "rule": None if is_suppressed else RULES[number % len(RULES)],
        "reason": "spam" if is_suppressed else None,
        "name": f"Ana{number} Ruiz",
        "title": "VP Sales",
        "company": f"Company {number // 4}",
        "source": ("website", "webinar", "linkedin")[number % 3],
        "grade": GRADES[number % len(GRADES)],
        "band": ("cold", "mql", "sql")[number % 3],
        "total": number % 101,
        "trigger": "demo_request",
        "quote": "We lose two days a month.",
        **other,
    }


def assignment(number: int, **other: Any) -> dict[str, Any]:
    """Return the assignment of a lead, accepted where its number is even."""
    opened_at = NOW - timedelta(seconds=30 * number)
    queue = QUEUES[number % len(QUEUES)]
    return {
        **dict.fromkeys(column.name for column in assignments.c),
        "id": f"a{number}",
        "lead_id": lead_id(number),
        "account": f"company{number // 4}.example",
        "queue": queue,
        "rep": f"{queue}-{number % 20}",
        "state": "open",
        "sequence": 1,
        "opened_at": opened_at,
        "accept_by": opened_at + timedelta(hours=4),
        "accepted_at": opened_at + timedelta(minutes=5) if number % 2 == 0 else None,
        "joined": False,
        "credited_back": False,
        **other,
    }


def routed_lead(number: int, **other: Any) -> dict[str, Any]:
    """Return the router's row of a lead."""
    return {
        **dict.fromkeys(column.name for column in routed_leads.c),
        "lead_id": lead_id(number),
        "account": f"company{number // 4}.example",
        "revision": 1,
        "scored_sequence": 1,
        "sequence": 1,
        "status": "routed",
        "queue": QUEUES[number % len(QUEUES)],
        "motion": "work",
        "rule": RULES[number % len(RULES)],
        "high_intent": False,
        "rejected_by": (),
        "rejections": (),
        **other,
    }


async def store_leads(database: Database, count: int, *, open_share: int = 50) -> None:
    """Store the views of `count` leads with assignments; one in `open_share` is still open, the newest ones.

    Of those that are open, every fiftieth waits and has no assignment.
    """
    open_leads = count // open_share
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        waiting = {number for number in numbers if number < open_leads and number % 50 == 0}
        owned = [
            assignment(number, closed_at=None if number < open_leads else NOW)
            for number in numbers
            if number % 10 != 9 and number not in waiting
        ]
        async with database.begin() as tx:
            views = [view(number) for number in numbers]
            await tx.execute(insert(lead_views), views)
            words = [
                {"word": word, "lead_id": row["lead_id"]} for row in views for word in words_of(row["name"])
            ]
            await tx.execute(insert(lead_names), words)
            await tx.execute(insert(assignments), owned)
            since = {number: NOW - timedelta(hours=number) for number in waiting}
            leads = [routed_lead(number, waiting_since=since.get(number)) for number in numbers]
            await tx.execute(insert(routed_leads), leads)
    async with database.begin() as tx:
        await tx.execute(text("ANALYZE"))


async def plans(database: Database, read: Callable[[Tx], Awaitable[Any]]) -> dict[str, str]:
    """Return by statement the plan of each SELECT that `read` executes, in the words of the database."""
    explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    async with database.read() as tx:
        with statements() as ran:
            await read(tx)
        found: dict[str, str] = {}
        for statement, given in ran:
            if statement.lstrip().startswith("SELECT"):
                plan = await tx._connection.exec_driver_sql(f"{explain} {statement}", given)
                found[statement] = "\n".join(str(tuple(row)) for row in plan)
        return found


def scans(plan: str) -> bool:
    """Tell whether a plan reads every row of a table that has a row for each lead, without an index."""
    tables = "lead_views|assignments|routed_leads|lead_names"
    return bool(re.search(rf"Seq Scan on ({tables})|SCAN ({tables})(?! USING)", plan))

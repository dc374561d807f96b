"""`reports`: how long each report about a year takes at a million leads, on PostgreSQL, over HTTP.

The tables have a million leads, 200 reps and 60 rules, by COPY, and additions of the last second that are not
added up yet. The ratio is the goal of 50 ms against the slowest report's median.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import msgspec
from sqlalchemy import make_url

from services.gateway.domain.reports.periods import EPOCH
from services.ledger.domain.counters import CounterDelta
from services.ledger.tables import COUNTERS, rep_counters
from services.router.tables import rep_queues
from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import running_gateway
from tests.support.report_year import MadeUpCompany

LEADS: Final = 1_000_000
REPORTS: Final = ("roles", "capacity", "scores", "flow", "sources", "providers")
GOAL_MS: Final = 50.0
_ROUNDS: Final = 15
_UNITS: Final = 20
_NOW: Final = datetime(2026, 11, 27, 12, tzinfo=UTC)
_COMPANY: Final = MadeUpCompany(_NOW.date())


async def reports(services: Services) -> Figure:
    """Measure the figure."""
    url = await services.postgres.create_database()
    try:
        with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            environ = {"BATON_DATABASE_URL": url}
            async with running_gateway(Path(folder), FixedClock(_NOW), **environ) as gateway:
                await _seed(url)
                await gateway.apply_policy()
                days = {"since": _COMPANY.first.isoformat(), "until": _COMPANY.last.isoformat()}
                took: dict[str, float] = {}
                for name in REPORTS:
                    took[name] = await _median_ms(gateway, f"/v1/reports/{name}", days)
    finally:
        await services.postgres.drop_database(url)
    times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in took.items())
    lines = [f"a year at {LEADS:,} leads: {times} (medians of {_ROUNDS}; goal {GOAL_MS:.0f} ms each)"]
    return Figure("reports", round(GOAL_MS / max(took.values()), 3), 1.0, lines)


async def _median_ms(gateway: Any, path: str, days: dict[str, str]) -> float:
    """Return the median of several requests, after one that does not count."""
    took: list[float] = []
    for _ in range(_ROUNDS + 1):
        began = time.perf_counter()
        status, body, _headers = await gateway.ask("GET", path, params=days)
        took.append((time.perf_counter() - began) * 1_000)
        assert status == 200, body
    return median(took[1:])


async def _seed(url: str) -> None:
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn, timeout=120)
    try:
        for table in COUNTERS:
            columns = [column.name for column in table.c]
            await _copy(connection, table.name, columns, _COMPANY.rows_of(table))
        first = _NOW - timedelta(days=_COMPANY.days)
        await _copy(
            connection,
            "routed_leads",
            [
                "lead_id",
                "account",
                "revision",
                "scored_sequence",
                "sequence",
                "status",
                "queue",
                "motion",
                "rule",
                "high_intent",
                "waiting_since",
            ],
            (
                (
                    f"lead-{n}",
                    f"{n}.example",
                    1,
                    1,
                    1,
                    "assigned",
                    "sdr",
                    "work",
                    "r",
                    False,
                    first if n < 300 else None,
                )
                for n in range(LEADS)
            ),
        )
        await _copy(
            connection,
            "lead_histories",
            ["lead_id", "history"],
            ((f"lead-{n}", "[]") for n in range(LEADS)),
        )
        numbers = [7] * (len(rep_queues.c) - 2)
        await _copy(
            connection,
            "rep_queues",
            [column.name for column in rep_queues.c],
            ((queue, rep, *numbers) for queue, rep in _COMPANY.names_of(rep_counters)),
        )
        days = [(_COMPANY.first + timedelta(days=n)).isoformat() for n in range(_COMPANY.days)]
        await _copy(
            connection,
            "provider_spend",
            ["day", "provider", "calls", "matches", "cents", "answers", "unchanged", "field_cents"],
            (
                (day, name, 9, 5, 50, 9, 1, '{"company.employees": 40}')
                for day in days
                for name in ("apollo", "clearbit", "hunter", "peopledatalabs", "zerobounce")
            ),
        )
        await _copy(connection, "counter_deltas", ["id", "deltas"], _units())
        await connection.execute("ANALYZE", timeout=300)
    finally:
        await connection.close()


def _units() -> Iterator[tuple[str, str]]:
    """Yield what units of work have counted in the last moments."""
    hour = (_NOW.date() - EPOCH).days * 24
    for number in range(_UNITS):
        deltas = [
            CounterDelta("rep_counters", (hour, queue, rep), {"assigned": 1})
            for queue, rep in _COMPANY.names_of(rep_counters)
        ]
        yield f"unit-{number}", msgspec.json.encode(deltas).decode()


async def _copy(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]
) -> None:
    await connection.copy_records_to_table(table, records=rows, columns=columns, timeout=600)

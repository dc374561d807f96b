"""Counters on both databases: added up by units at the same time, read by months, bounded in names."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Table, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from services.gateway.domain.reports.periods import EPOCH, Period
from services.gateway.queries.report_counters import Counters, Sums, sums_statement
from services.ledger.counting import count_deltas
from services.ledger.domain.counters import CounterDelta, CounterDeltaRow
from services.ledger.domain.lead_history import OTHER
from services.ledger.tables import COUNTERS, counter_deltas, lead_counters, rep_counters
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put

FIRST = date(2025, 1, 15)


NOW = datetime(2025, 5, 20, 12, tzinfo=UTC)


def first_hour(day: date) -> int:
    return (day - EPOCH).days * 24


async def append(database: Database, unit: str, *deltas: CounterDelta) -> None:
    rows = IdentityMap()
    rows.apply([Put(CounterDeltaRow(unit, list(deltas)))])
    async with database.begin() as tx:
        await tx.write(rows)


def lead_delta(day: date, channel: str, number: int = 1) -> CounterDelta:
    return CounterDelta("lead_counters", (first_hour(day), "channel", channel), {"captured": number})


async def read(database: Database, period: Period) -> Sums:
    async with database.read() as tx:
        counters = await Counters.open(tx)
        return await counters.sums(lead_counters, ("dimension", "name"), period)


async def test_a_report_reads_what_is_added_up_and_what_is_not_yet(database: Database):
    period = Period(FIRST, FIRST)
    key = ("channel", "form")
    await append(database, "one", lead_delta(FIRST, "form", 2))
    assert (await read(database, period))[key]["captured"] == 2
    assert not await count_deltas(database, NOW)
    assert (await read(database, period))[key]["captured"] == 2
    await append(
        database, "two", lead_delta(FIRST, "form", -1), lead_delta(FIRST + timedelta(days=1), "form")
    )
    assert (await read(database, period))[key]["captured"] == 1
    await count_deltas(database, NOW)
    assert (await read(database, period))[key]["captured"] == 1
    async with database.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(counter_deltas))).scalar_one() == 0


async def test_every_period_sums_its_days_whatever_part_of_it_are_whole_months(database: Database):
    days = [FIRST + timedelta(days=n) for n in range(120)]
    for n, day in enumerate(days):
        await append(database, f"u{n}", lead_delta(day, "form", n + 1))
    while await count_deltas(database, NOW):
        pass
    for begin, end in [
        (0, 0),
        (0, 119),
        (3, 16),
        (16, 17),
        (16, 44),
        (17, 44),
        (17, 45),
        (10, 105),
        (40, 50),
    ]:
        found = await read(database, Period(days[begin], days[end]))
        assert found["channel", "form"]["captured"] == sum(range(begin + 1, end + 2)), (begin, end)
    assert await read(database, Period(FIRST - timedelta(days=40), FIRST - timedelta(days=1))) == {}


async def test_units_that_count_at_the_same_time_lose_nothing(database: Database):
    for n in range(40):
        await append(database, f"u{n}", lead_delta(FIRST, f"c{n % 3}"), lead_delta(FIRST, "form"))
    await asyncio.gather(*(count_deltas(database, NOW) for _ in range(4)))
    found = await read(database, Period(FIRST, FIRST))
    assert {key[1]: counts["captured"] for key, counts in found.items()} == {
        "form": 40,
        "c0": 14,
        "c1": 13,
        "c2": 13,
    }


@pytest.mark.parametrize("rounds", [1, 2])
async def test_names_beyond_the_bound_are_counted_together(database: Database, rounds: int):
    names = [f"campaign {n:03}" for n in range(250)]
    for number in range(rounds):
        deltas = [
            CounterDelta("lead_counters", (first_hour(FIRST), "campaign", name), {"captured": 1})
            for name in names
        ]
        await append(database, f"u{number}", *deltas, lead_delta(FIRST, "form"))
        await count_deltas(database, NOW)
    found = await read(database, Period(FIRST, FIRST))
    campaigns = {key[1]: counts["captured"] for key, counts in found.items() if key[0] == "campaign"}
    assert campaigns == {**dict.fromkeys(names[:200], rounds), OTHER: 50 * rounds}
    assert found["channel", "form"]["captured"] == rounds


async def test_sums_are_by_the_columns_asked_for(database: Database):
    hour = first_hour(FIRST)
    await append(
        database,
        "one",
        CounterDelta("rep_counters", (hour, "sdr", "ana"), {"assigned": 2}),
        CounterDelta("rep_counters", (hour, "bdr", "ana"), {"assigned": 3, "won": 1}),
    )
    await count_deltas(database, NOW)
    await append(database, "two", CounterDelta("rep_counters", (hour, "sdr", "ben"), {"assigned": 5}))
    async with database.read() as tx:
        counters = await Counters.open(tx)
        by_rep = await counters.sums(rep_counters, ("rep",), Period(FIRST, FIRST))
        in_sdr = await counters.sums(rep_counters, ("rep",), Period(FIRST, FIRST), queue="sdr")
    assert {key: counts["assigned"] for key, counts in by_rep.items()} == {("ana",): 5, ("ben",): 5}
    assert {key: counts["assigned"] for key, counts in in_sdr.items()} == {("ana",): 2, ("ben",): 5}


@pytest.mark.parametrize("table", COUNTERS, ids=lambda table: table.name)
@pytest.mark.parametrize("days", [0, 30, 365])
async def test_a_report_reads_the_rows_of_its_period_by_the_index(
    database: Database, table: Table, days: int
):
    by = [column.name for column in table.primary_key][2:]
    counts = [column.name for column in table.c if not column.primary_key]
    statement = sums_statement(table, by, Period(FIRST - timedelta(days=days), FIRST), counts, {})
    async with database.read() as tx:
        if tx.dialect == "postgresql":  # a table without rows is read as a whole otherwise
            await tx.execute(text("set local enable_seqscan = off"))
        compiled = statement.compile(
            dialect=postgresql.dialect() if tx.dialect == "postgresql" else sqlite.dialect(),
            compile_kwargs={"literal_binds": True},
        )
        explain = "explain" if tx.dialect == "postgresql" else "explain query plan"
        lines = [" ".join(map(str, row)) for row in await tx.execute(text(f"{explain} {compiled}"))]
    plan = "\n".join(lines)
    assert "Seq Scan" not in plan, plan
    assert f"SCAN {table.name}" not in plan, plan
    assert re.search(r"grain\)?(::text)? ?= ", plan) or "(grain=? AND day>? AND day<?)" in plan, plan
    assert "day" in plan

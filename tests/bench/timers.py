"""`timers`: the CPU that the router's sweep for due timers takes with 100,000 open ones, few of which are due.

A minute of sweeps is done at once, with the clock moved between them, on SQLite and on PostgreSQL, whose own
CPU counts too. What is aimed at is a share of a core, so the ratio is that share over the larger of the two.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from msgspec.structs import asdict
from sqlalchemy import func, insert, select, text

from services.router.domain.dispatch import assign_waiting_timer
from services.router.domain.ladder import clocks_from
from services.router.domain.ownership import ROLE, SLA
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.router.handlers import LiveRouterHandler
from services.router.policy import routing_policy_of
from services.router.storage import RouterStore
from services.router.tables import assignments, routed_leads
from shared.messaging.port import Ack, Outgoing
from shared.observability.metrics import Metrics
from shared.policy.models import LadderStep
from shared.policy.per_version import PerVersion
from shared.rules.times import parse_duration
from shared.storage.database import Database
from shared.worker.background import measure_step, timer_step
from shared.worker.outbox import Outbox
from shared.worker.rows import TimerRow
from shared.worker.tables import timers as timer_table
from shared.worker.timers import Timers
from shared.worker.unit_of_work import UnitOfWork
from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.databases import create_tables
from tests.support.fixed_clock import FixedClock
from tests.support.routing_policies import queue, routing_policy_with
from tests.support.scored_leads import AT

OPEN: Final = 100_000
DUE: Final = 60
"""Timers that fire in the minute: one a second."""
GOAL_PERCENT: Final = 5.0
_SWEEPS: Final = 120
_EVERY: Final = timedelta(seconds=0.5)
_GAUGES_EVERY: Final = 10
_AT_ONCE: Final = 200
_ROWS_AT_ONCE: Final = 10_000
_REPS: Final = ("sdr-1", "sdr-2", "sdr-3", "sdr-4")


class _NoSink:
    """Publishing is not what is measured."""

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        del out

        async def ack() -> None: ...

        return ack()

    async def close(self) -> None: ...


async def timers(services: Services) -> Figure:
    """Measure the figure."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        on_sqlite = await _percent(f"sqlite+aiosqlite:///{Path(folder) / 'tables.db'}")
    url = await services.postgres.create_database()
    try:
        on_postgres = await _percent(url)
    finally:
        await services.postgres.drop_database(url)
    told = f"{OPEN:,} open, {DUE} due in a minute: {on_sqlite:.2f} % of a core on SQLite, {on_postgres:.2f} %"
    details = [f"{told} on PostgreSQL, with the server's (goal: {GOAL_PERCENT} %)"]
    return Figure("timers", round(GOAL_PERCENT / max(on_sqlite, on_postgres), 2), 1.0, details)


async def _percent(url: str) -> float:
    """Return the share of a core, in per cent, that a minute of sweeps takes."""
    await create_tables(url)
    database, clock = Database(url), FixedClock(AT)
    try:
        await _fill(database)
        step, gauges = _steps(database, clock)
        for _ in range(_GAUGES_EVERY):
            await step()  # the first time costs more
        await gauges()
        backends = await _backends(database)
        began = time.process_time() + _cpu_s(backends)
        for sweep in range(_SWEEPS):
            clock.advance(_EVERY)
            while await step():
                pass
            if sweep % _GAUGES_EVERY == 0:
                await gauges()
        spent = time.process_time() + _cpu_s(backends) - began
        async with database.read() as tx:
            left = select(func.count()).select_from(timer_table).where(timer_table.c.kind == SLA)
            assert (await tx.execute(left)).scalar_one() == OPEN - DUE
    finally:
        await database.close()
    return 100 * spent / (_SWEEPS * _EVERY.total_seconds())


def _steps(database: Database, clock: FixedClock) -> tuple[Any, Any]:
    """Return the steps that the router's process repeats: the sweep, and its gauges."""
    ladder = (LadderStep(after=parse_duration("10m"), do="remind"),)
    compiled = routing_policy_with(queues={"sdr": queue("30d", ladder=ladder)}).compiled
    policies = PerVersion(lambda: compiled, routing_policy_of)
    handler, sink, metrics = LiveRouterHandler(policies), _NoSink(), Metrics()
    outbox = Outbox(ROLE, database, sink, clock, partitions=6)
    store = RouterStore(lambda: policies.current)
    work = UnitOfWork(handler, store, database, outbox, clock, keyed_hash=str)
    due = Timers(ROLE, database, clock)
    step = timer_step(due, handler, work, sink, outbox, metrics=metrics, at_once=_AT_ONCE)
    return step, measure_step(ROLE, outbox, due, metrics)


async def _fill(database: Database) -> None:
    """Store the open leads with their timers: `DUE` in the next minute, the others within a month."""
    names = [f"lead-{number:06}" for number in range(OPEN)]
    due_at = [
        AT + timedelta(seconds=number * 60 / DUE + 1 if number < DUE else 3_600 + number * 25)
        for number in range(OPEN)
    ]
    leads = [
        RoutedLeadRow(name, name, 1, 1, 1, "routed", "sdr", "work", "fits", high_intent=False)
        for name in names
    ]
    owned = [
        AssignmentRow(
            name, name, name, "sdr", _REPS[number % len(_REPS)], "open", 1, at - timedelta(minutes=10), at,
            ladder=clocks_from(at - timedelta(minutes=10)),
        )
        for number, (name, at) in enumerate(zip(names, due_at, strict=True))
    ]  # fmt: skip
    waiting = [TimerRow(name, ROLE, SLA, at) for name, at in zip(names, due_at, strict=True)]
    waiting.append(assign_waiting_timer(AT))
    async with database.begin() as tx:
        for table, rows in ((routed_leads, leads), (assignments, owned), (timer_table, waiting)):
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                values = [asdict(row) for row in rows[first : first + _ROWS_AT_ONCE]]
                await tx.execute(insert(table), values)
        await tx.execute(text("ANALYZE"))


async def _backends(database: Database) -> list[psutil.Process]:
    """Return the server's processes that work for us.

    None on SQLite, which runs in this process, and none of a server on another machine.
    """
    if database.dialect != "postgresql":
        return []
    ours = "datname = current_database() AND backend_type = 'client backend'"
    async with database.read() as tx:
        found = await tx.execute(text(f"SELECT pid FROM pg_stat_activity WHERE {ours}"))
        pids = {int(pid) for (pid,) in found}
    return [
        process
        for process in psutil.process_iter(["name"])
        if process.pid in pids and "postgres" in process.name()
    ]


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)

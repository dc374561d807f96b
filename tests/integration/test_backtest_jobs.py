"""The queue of backtests and the process that computes one: cancelled ones, files, signals, the ledger's end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from services.gateway.queries.backtests import cancel_or_delete, find_backtest, insert_backtest
from services.ledger.backtest import process
from services.ledger.backtest.jobs import (
    LEASE,
    add_moves,
    fail_job,
    finish_job,
    hold_job,
    take_job,
    unfinished_ids,
)
from services.ledger.backtest.runner import BacktestRunner
from services.ledger.tables import backtest_moves, backtests
from shared.policy.load import PolicyInvalid
from shared.storage.database import Database
from tests.support.fixed_clock import FixedClock
from tests.support.scored_leads import AT


async def ask_for(database: Database, name: str, **given: Any) -> None:
    asked = {"id": name, "candidate": "recorded", "files": {"icp.yaml": ""}, "created_by": "admin"}
    async with database.begin() as tx:
        await insert_backtest(tx, **{**asked, "created_at": AT, **given})


async def state_of(database: Database, name: str) -> str:
    async with database.read() as tx:
        found = await find_backtest(tx, name)
        assert found is not None
        return str(found["state"])


async def cancel(database: Database, name: str) -> None:
    async with database.begin() as tx:
        await cancel_or_delete(tx, name)


async def test_ledgers_that_ask_at_the_same_time_run_one_backtest(database: Database):
    await ask_for(database, "one")
    await ask_for(database, "two", created_at=AT + timedelta(seconds=1))
    taken = [job.id for job in await asyncio.gather(*(take_job(database, AT) for _ in range(4))) if job]
    assert taken == ["one"]


async def test_a_backtest_that_is_held_is_not_taken_until_its_ledger_has_been_silent(database: Database):
    await ask_for(database, "one")
    job = await take_job(database, AT)
    assert job is not None
    await hold_job(database, job, AT + LEASE / 2)
    assert await take_job(database, AT + LEASE) is None
    again = await take_job(database, AT + 2 * LEASE)
    assert again is not None
    assert again.id == "one"


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_backtest_that_is_cancelled_at_its_end_has_neither_report_nor_moves(
    database: Database, is_deleted: bool
):
    await ask_for(database, "one")
    job = await take_job(database, AT)
    assert job is not None
    await cancel(database, "one")
    if is_deleted:
        await cancel(database, "one")
    await add_moves(database, job, [], is_first=True)
    await finish_job(database, job, AT, b"{}")
    await fail_job(database, job, AT, "too late")
    async with database.read() as tx:
        states = [*(await tx.execute(select(backtests.c.state, backtests.c.report, backtests.c.files)))]
        moves = (await tx.execute(select(func.count()).select_from(backtest_moves))).scalar_one()
    assert [tuple(row) for row in states] == ([] if is_deleted else [("cancelled", None, None)])
    assert moves == 0


async def test_a_failed_backtest_keeps_no_files(database: Database):
    await ask_for(database, "one")
    job = await take_job(database, AT)
    assert job is not None
    await fail_job(database, job, AT, "x" * 2_000)
    assert await state_of(database, "one") == "failed"
    async with database.read() as tx:
        row = (await tx.execute(select(backtests.c.files, backtests.c.error))).one()
    assert (row.files, len(row.error)) == (None, 1_000)


async def test_files_of_backtests_that_have_ended_are_deleted(database: Database, tmp_path: Path):
    """They hold personal data. Whoever cancels a backtest while no ledger runs leaves its file behind."""
    await ask_for(database, "cancelled")
    await ask_for(database, "running")
    await cancel(database, "cancelled")
    assert await take_job(database, AT)
    assert await unfinished_ids(database) == {"running"}
    for name in ("cancelled.db", "cancelled.db-wal", "gone.db", "running.db", "other.txt"):
        (tmp_path / name).touch()
    runner = BacktestRunner(database, FixedClock(AT), tmp_path)
    assert not await runner.step(asyncio.Event())
    assert {file.name for file in tmp_path.iterdir()} >= {"running.db", "other.txt"}
    assert not [*tmp_path.glob("cancelled.db*"), *tmp_path.glob("gone.db*")]


def test_signals_to_all_processes_do_not_end_the_one_that_computes():
    spawned = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned, initializer=process.start) as pool:
        process_id = pool.submit(os.getpid).result(60)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(process_id, number)
        assert pool.submit(os.getpid).result(60) == process_id


def test_why_a_policy_cannot_be_read_is_told_by_the_process_that_computes(tmp_path: Path):
    order = process.BacktestOrder({"icp.yaml": "segments: 1"}, {})
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=process.start) as pool,
        pytest.raises(PolicyInvalid, match=r"icp\.yaml:1:"),
    ):
        pool.submit(process.begin, tmp_path / "one.db", order).result(60)


_LEDGER = """
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from services.ledger.backtest import process
pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=process.start)
print(pool.submit(os.getpid).result(), flush=True)
os._exit(0)
"""


def test_the_process_that_computes_ends_with_the_ledger():
    """The output has an end when nobody holds it any more."""
    done = subprocess.run([sys.executable, "-c", _LEDGER], capture_output=True, timeout=60, check=True)
    assert done.stdout.strip().isdigit()

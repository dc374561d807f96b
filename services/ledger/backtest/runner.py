"""Runs the backtests that were asked for, one at a time, in a worker process of low priority."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import structlog
from msgspec import Struct

from services.ledger.backtest import process
from services.ledger.backtest.jobs import (
    LEASE,
    BacktestJob,
    add_moves,
    fail_job,
    finish_job,
    hold_job,
    order_of,
    recorded_events,
    release_job,
    report_progress,
    stored_events,
    take_job,
    unfinished_ids,
)
from shared.clock import Clock
from shared.errors import Retry
from shared.policy.load import PolicyInvalid
from shared.storage.database import Database

log = structlog.get_logger()
T = TypeVar("T")
_MOVES_TOGETHER: Final = 500
_HOLD_EVERY_S: Final = LEASE.total_seconds() / 4


class _MovedLead(Struct):
    lead_id: str


class BacktestRunner:
    """Computes in `folder`, which holds the file of a backtest that is not finished, also after a restart."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._pool: ProcessPoolExecutor | None = None
        self._may_have_leftovers = True

    async def step(self, stop: asyncio.Event) -> bool:
        """Run the next backtest, if one waits, to its end or until `stop`; return whether there was one."""
        if self._may_have_leftovers:
            # Files of backtests that ended elsewhere, or were cancelled while this process was down.
            unfinished = await unfinished_ids(self._database)
            for file in self._folder.glob("*.db*"):
                if file.name.partition(".")[0] not in unfinished:
                    with suppress(OSError):
                        file.unlink()
            self._may_have_leftovers = False
        job = await take_job(self._database, self._clock.now())
        if job is None:
            return False
        path = self._folder / f"{job.id}.db"
        log.info("backtest", id=job.id, candidate=job.candidate[:12])
        try:
            if not await self._run(job, path, stop):
                return True  # it stays where it is
        except PolicyInvalid as error:
            await fail_job(self._database, job, self._clock.now(), f"The policy cannot be read: {error}")
        except BrokenProcessPool:
            log.warning("backtest_process_died", id=job.id)
            await fail_job(self._database, job, self._clock.now(), "The process that computed it was killed")
        except Retry:
            await self.close()
            raise
        except Exception as error:
            log.exception("backtest_failed", id=job.id)
            await fail_job(self._database, job, self._clock.now(), f"{type(error).__name__}: {error}")
        await self.close()
        for file in self._folder.glob(f"{job.id}.db*"):
            file.unlink(missing_ok=True)
        return True

    async def close(self) -> None:
        """End the worker process."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(partial(pool.shutdown, cancel_futures=True))

    async def _run(self, job: BacktestJob, path: Path, stop: asyncio.Event) -> bool:
        """Compute a backtest and store what was found; return False if it is to be gone on with later."""
        order = await order_of(self._database, job)
        total = await self._call(job, process.begin, path, order) or await self._plan(job, stop)
        while not stop.is_set():
            done, steps = await self._call(job, process.next_steps)
            if not await report_progress(self._database, job, self._clock.now(), done, total):
                return True  # it was cancelled
            if not steps:
                break
            ids = {step.id for step in steps} | {step.effect for step in steps}
            events = await stored_events(self._database, sorted(ids))
            await self._call(job, process.feed, steps, events)
        if stop.is_set():
            if total:
                await self._call(job, process.save)
            await self.close()
            await release_job(self._database, job)
            return False
        report, _moves = await self._call(job, process.finish)
        await self._store_moves(job)
        await finish_job(self._database, job, self._clock.now(), report)
        return True

    async def _plan(self, job: BacktestJob, stop: asyncio.Event) -> int:
        """Pass on what is recorded, without its data, and return the number of steps."""
        after = ("", "")
        while not stop.is_set():
            found = await recorded_events(self._database, job, after)
            if not found:
                break
            await self._call(job, process.add, found)
            after = (found[-1].id, found[-1].source)
            await report_progress(self._database, job, self._clock.now(), 0, 0)
        return 0 if stop.is_set() else await self._call(job, process.plan)

    async def _store_moves(self, job: BacktestJob) -> None:
        after = 0
        while True:
            moves = await self._call(job, process.moves, after, _MOVES_TOGETHER)
            rows = [
                (number, msgspec.json.decode(data, type=_MovedLead).lead_id, data.decode())
                for number, data in moves
            ]
            await add_moves(self._database, job, rows, is_first=after == 0)
            if not moves:
                return
            after = moves[-1][0]

    async def _call(self, job: BacktestJob, work: Callable[..., T], *given: Any) -> T:
        """Call a function of the worker process, started when there is none; hold the backtest meanwhile."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=process.start)
        call = asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *given))
        while not (await asyncio.wait([call], timeout=_HOLD_EVERY_S))[0]:
            await hold_job(self._database, job, self._clock.now())
        return await call

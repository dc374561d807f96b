"""Builds and runs the ledger."""

from __future__ import annotations

import asyncio

from services.ledger.backtest.runner import BacktestRunner
from services.ledger.counting import count_deltas
from services.ledger.handlers import LedgerHandler
from services.ledger.pruning import prune_dead_letters, prune_hours
from services.ledger.storage import LedgerStore
from shared.settings import LedgerSettings
from shared.worker.role import Resources, Worker, run_worker

_UNITS_AT_ONCE = 2
"""The ledger writes more rows than any other role, and its units share no rows but those of one lead."""
_POLLS_IN_BATCH = 4
"""A lead brings the ledger four records: so its units have as many leads as those of other roles."""
_PRUNE_EVERY_S = 600.0
_COUNT_EVERY_S = 2.0
_BACKTEST_EVERY_S = 1.0


async def run(resources: Resources, stop: asyncio.Event, settings: LedgerSettings) -> None:
    """Record events until `stop`."""

    async def prune() -> bool:
        await prune_hours(resources.database, resources.clock.now())
        return await prune_dead_letters(resources.database, resources.clock.now())

    async with asyncio.TaskGroup() as tasks:
        worker = Worker(
            LedgerHandler(),
            LedgerStore(resources.keyed_hash),
            units_at_once=_UNITS_AT_ONCE,
            polls_in_batch=_POLLS_IN_BATCH,
        )
        tasks.create_task(run_worker(resources, worker, stop))

        async def count() -> bool:
            return await count_deltas(resources.database, resources.clock.now())

        counting = resources.repeat("ledger.count", count, every_s=_COUNT_EVERY_S, stop=stop)
        tasks.create_task(counting)
        runner = BacktestRunner(resources.database, resources.clock, settings.backtest_dir)
        testing = resources.repeat(
            "ledger.backtest", lambda: runner.step(stop), every_s=_BACKTEST_EVERY_S, stop=stop
        )
        tasks.create_task(testing)
        await resources.repeat("ledger.prune", prune, every_s=_PRUNE_EVERY_S, stop=stop)

"""Builds and runs the ledger."""

from __future__ import annotations

import asyncio

from services.ledger.handlers import LedgerHandler
from services.ledger.storage import LedgerStore
from shared.settings import LedgerSettings
from shared.worker.role import Resources, Worker, run_worker


async def run(resources: Resources, stop: asyncio.Event, settings: LedgerSettings) -> None:
    """Record events until `stop`."""
    del settings  # the ledger has no settings of its own
    await run_worker(resources, Worker(LedgerHandler(), LedgerStore()), stop)

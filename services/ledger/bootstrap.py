"""Puts the ledger together."""

from __future__ import annotations

import asyncio

from services.ledger.handlers import LedgerHandler
from services.ledger.storage import LedgerStore
from shared.settings import LedgerSettings
from shared.worker.role import Resources, Worker, run_worker


async def run(resources: Resources, stop: asyncio.Event, settings: LedgerSettings) -> None:
    """Record until `stop`."""
    del settings
    await run_worker(resources, Worker(LedgerHandler(resources.tombstone_of), LedgerStore()), stop)

"""Puts the ledger together."""

from __future__ import annotations

import asyncio

from services.ledger.adapters.store import LedgerStore
from services.ledger.handlers import LedgerHandler
from shared.runtime.role import Resources, Worker, run_worker
from shared.settings import LedgerSettings


async def run(resources: Resources, stop: asyncio.Event, settings: LedgerSettings) -> None:
    """Record until `stop`."""
    del settings
    await run_worker(resources, Worker(LedgerHandler(resources.tombstone_of), LedgerStore()), stop)

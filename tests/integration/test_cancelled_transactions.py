"""Whoever is cancelled in the middle of a transaction holds up nobody, however long its error is kept."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from services.gateway.tables import rep_availability
from shared.storage.database import Database

_TIMES = 60
_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def test_the_next_transaction_begins_at_once(database: Database):
    moments = random.Random(1)
    async with database.begin() as tx:
        for number in range(20):
            await tx.execute(
                insert(rep_availability).values(rep=f"rep-{number}", available=True, updated_at=_AT)
            )
    cancelled: list[asyncio.Task[None]] = []
    for _ in range(_TIMES):
        task = asyncio.create_task(_write_and_read(database))
        await asyncio.wait({task}, timeout=moments.uniform(0, 0.006))
        task.cancel()
        await asyncio.wait({task})
        cancelled.append(task)  # with its error, and all that the error's frames hold
        async with asyncio.timeout(10), database.begin() as tx:
            await tx.execute(update(rep_availability).values(available=True))
    assert any(task.cancelled() for task in cancelled)


async def _write_and_read(database: Database) -> None:
    async with database.begin() as tx:
        await tx.execute(update(rep_availability).values(available=False))
        await tx.execute(select(rep_availability))
        await tx.execute(select(rep_availability.c.rep))

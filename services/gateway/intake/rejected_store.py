"""Keeps rejected submissions in their table, within bounds, and counts them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy import delete, func, or_, select

from services.gateway.domain.rejected import KEPT, RejectedSubmission, mentions, number_to_keep
from services.gateway.tables import rejected_submissions as table
from shared.errors import BackOff
from shared.observability.metrics import Metrics
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put

WAITING_BYTES_MAX: Final = 32 * 1024 * 1024
_SCANNED_TOGETHER: Final = 32

log = structlog.get_logger()


class RejectedSubmissions:
    """The submissions of all sources. Those that come at the same time are written in one transaction."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._writes = BatchLoader(self._write)
        self._waiting_bytes = 0

    async def keep(self, submission: RejectedSubmission) -> None:
        """Return once the submission is stored. Raises `Retry` when the database is not reachable."""
        size = len(submission.body)
        if self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise BackOff("too many rejected submissions wait for the database", after_s=1.0)
        self._waiting_bytes += size
        try:
            await self._writes.load(submission)
        finally:
            self._waiting_bytes -= size

    async def _write(self, submissions: Sequence[RejectedSubmission]) -> None:
        rows = IdentityMap()
        rows.apply([Put(submission) for submission in submissions])
        async with self._database.begin() as tx:
            await tx.write(rows)
            for source in sorted({submission.source for submission in submissions}):
                dropped = await _drop_oldest(tx, source)
                if dropped:
                    self._metrics.rejected_submissions_dropped.labels(source).inc(dropped)
                    log.warning("rejected submissions dropped", source=source, number=dropped)


async def _drop_oldest(tx: Tx, source: str) -> int:
    """Delete the oldest submissions of a source beyond its bounds; return how many."""
    result = await tx.execute(
        select(table.c.id, func.length(table.c.body), table.c.received_at)
        .where(table.c.source == source)
        .order_by(table.c.received_at.desc(), table.c.id.desc())
    )
    newest_first: list[tuple[str, int, datetime]] = [tuple(row) for row in result]
    kept = number_to_keep([size for _, size, _ in newest_first])
    if kept == len(newest_first):
        return 0
    id_, _, at = newest_first[kept]
    too_old = or_(table.c.received_at < at, (table.c.received_at == at) & (table.c.id <= id_))
    await tx.execute(delete(table).where(table.c.source == source, too_old))
    return len(newest_first) - kept


async def prune_rejected(database: Database, now: datetime) -> bool:
    """Delete the submissions that were kept long enough. Returns False: nothing is left over."""
    async with database.begin() as tx:
        await tx.execute(delete(table).where(table.c.received_at < now - KEPT))
    return False


async def delete_mentions(database: Database, identifiers: Collection[str]) -> int:
    """Delete every submission that mentions a person; return how many. For erasure.

    `identifiers` are those of the person's identities (`email:…`, `phone:…`, `linkedin:…`).
    """
    found = await find_mentions(database, identifiers)
    if found:
        async with database.begin() as tx:
            await tx.execute(delete(table).where(table.c.id.in_([submission.id for submission in found])))
    return len(found)


async def delete_waiting(database: Database, waits_for: str) -> None:
    """Delete the submissions that wait for this known entity, which is erased."""
    async with database.begin() as tx:
        await tx.execute(delete(table).where(table.c.waits_for == waits_for))


async def find_mentions(database: Database, identifiers: Collection[str]) -> list[RejectedSubmission]:
    """Return every submission that mentions a person. They are read and searched a few at a time."""
    found: list[RejectedSubmission] = []
    last = ""
    while True:
        statement = select(table).where(table.c.id > last).order_by(table.c.id).limit(_SCANNED_TOGETHER)
        async with database.read() as tx:
            chunk = [RejectedSubmission(*tuple(row)) for row in await tx.execute(statement)]
        if not chunk:
            return found
        bodies = [submission.body for submission in chunk]
        mentioned = await asyncio.to_thread(list, map(partial(mentions, identifiers=identifiers), bodies))
        found += (submission for submission, is_named in zip(chunk, mentioned, strict=True) if is_named)
        last = chunk[-1].id

"""What each process tells the others about itself: its checks, and how far its roles have read.

Roles run in many processes, of which only the gateway's answer people. So each process keeps a row in the
database that all of them have, and takes it away when it stops; one that dies leaves a row that grows old.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from shared.clock import Clock
from shared.errors import Retry
from shared.health import Health
from shared.storage.database import Database
from shared.storage.statements import upsert_row
from shared.worker.tables import processes, read_topics

REPORT_EVERY_S: Final = 5.0
SILENT_AFTER: Final = timedelta(seconds=20)
"""A process that has not reported for this long is not known to work."""

_FORGOTTEN_AFTER: Final = timedelta(hours=1)
_WITHDRAWN_WITHIN_S: Final = 1.0


def process_id() -> str:
    """Return the name of this process among those that share the database: its host and number."""
    return f"{socket.gethostname()[:250]}:{os.getpid()}"


class ProcessReporter:
    """Keeps the row of this process."""

    def __init__(self, database: Database, health: Health, clock: Clock) -> None:
        self._database = database
        self._health = health
        self._clock = clock
        self._started_at = clock.now()

    async def step(self) -> bool:
        """Write the row of this process, and delete those of processes that are long silent."""
        now, progress = self._clock.now(), self._health.progress
        own = {
            "id": process_id(),
            "started_at": self._started_at,
            "at": now,
            "checks": self._health.readiness().checks,
            "unread": self._health.unread(),
        }
        newest = [
            {"role": role, "topic": topic, "last_at": read.last_at}
            for role, topics in sorted(progress.items())
            for topic, read in sorted(topics.items())  # in one order, so that no two processes wait crosswise
            if read.last_at is not None
        ]
        async with self._database.begin() as tx:
            await tx.execute(delete(processes).where(processes.c.at < now - _FORGOTTEN_AFTER))
            await tx.execute(upsert_row(processes, tx.dialect, once=False), own)
            if newest:
                dialect = postgresql if tx.dialect == "postgresql" else sqlite
                insert = dialect.insert(read_topics)
                last_at = insert.excluded.last_at
                later = insert.on_conflict_do_update(
                    index_elements=["role", "topic"],
                    set_={"last_at": last_at},
                    where=read_topics.c.last_at < last_at,
                )
                await tx.execute(later, newest)
        return False

    async def withdraw(self) -> None:
        """Delete the row, as the process stops. Without the database the row is left to grow old."""
        with suppress(Retry, TimeoutError):
            async with asyncio.timeout(_WITHDRAWN_WITHIN_S), self._database.begin() as tx:
                await tx.execute(delete(processes).where(processes.c.id == process_id()))

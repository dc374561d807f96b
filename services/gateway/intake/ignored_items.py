"""Counts the items of vendors' posts of which nothing was made, by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from services.gateway.tables import ignored_items as table
from shared.clock import Clock
from shared.storage.database import Database


class IgnoredItems:
    """Counts in memory until `flush` adds to the table, so that a post that is ignored costs no write.

    The sources of the policy bound what is held.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._counted: Counter[str] = Counter()

    def count(self, source: str) -> None:
        """Count one item."""
        self._counted[source] += 1

    async def flush(self) -> None:
        """Add what was counted to the table. Raises `Retry`; then it is still counted."""
        if not self._counted:
            return
        counted, at = self._counted.copy(), self._clock.now()
        values = [
            {"source": source, "number": number, "last_at": at} for source, number in sorted(counted.items())
        ]
        async with self._database.begin() as tx:
            insert = (postgresql if tx.dialect == "postgresql" else sqlite).insert(table)
            added = {"number": table.c.number + insert.excluded.number, "last_at": insert.excluded.last_at}
            await tx.execute(insert.on_conflict_do_update(index_elements=["source"], set_=added), values)
        self._counted -= counted

    async def by_source(self) -> Mapping[str, int]:
        """Return how many items of each source were ignored, those that this process has not flushed too."""
        async with self._database.read() as tx:
            stored = {row.source: row.number for row in await tx.execute(select(table))}
        return Counter(stored) + self._counted

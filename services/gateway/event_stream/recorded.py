"""Whether the ledger has recorded an event, so that the views of leads show it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.gateway.queries.recorded_events import recorded_events
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database


class RecordedEvents:
    """Looks events up in the ledger, for all pages of this process together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loader: BatchLoader[Collection[str], frozenset[str]] = BatchLoader(self._read)

    async def among(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of the events that are recorded. Raises `Retry`."""
        return (await self._loader.load(ids)) & frozenset(ids) if ids else frozenset()

    async def _read(self, asked: Sequence[Collection[str]]) -> frozenset[str]:
        async with self._database.read() as tx:
            return await recorded_events(tx, {id_ for ids in asked for id_ in ids})

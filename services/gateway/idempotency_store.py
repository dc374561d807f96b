"""Stores idempotency records. Those of requests that come at the same time are written in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.gateway.domain.idempotency import IdempotencyRecord
from services.gateway.queries.idempotency import find_or_insert, mark_published
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database

_Named = tuple[Sequence[IdempotencyRecord], Collection[str]]


class IdempotencyStore:
    """The records in the database: what a durable transaction costs is shared by all that wait for one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inserts = BatchLoader(self.insert_batch)
        self._marks = BatchLoader(self.mark_batch)

    async def find_or_insert(
        self, records: Sequence[IdempotencyRecord], lasting: Collection[str]
    ) -> Mapping[str, IdempotencyRecord]:
        """Return the stored record of each name, by record id; see `queries.idempotency`. Raises `Retry`."""
        return await self._inserts.load((records, lasting))

    async def mark_published(self, ids: Sequence[str]) -> None:
        """Record that the events of these records are durably in the stream. Raises `Retry`."""
        await self._marks.load(ids)

    async def insert_batch(self, named: Sequence[_Named]) -> Mapping[str, IdempotencyRecord]:
        """Return the stored records of all requests; of one name that is new in several, the first counts."""
        first: dict[str, IdempotencyRecord] = {}
        for records, _ in named:
            for record in records:
                first.setdefault(record.id, record)
        lasting = {id_ for _, ids in named for id_ in ids}
        async with self._database.begin() as tx:
            return await find_or_insert(tx, list(first.values()), lasting)

    async def mark_batch(self, ids: Sequence[Sequence[str]]) -> None:
        """Record for all requests that their events are durably in the stream."""
        async with self._database.begin() as tx:
            await mark_published(tx, sorted({id_ for batch in ids for id_ in batch}))

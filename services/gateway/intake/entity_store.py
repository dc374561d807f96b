"""Stores which person or account the ids of vendors mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from services.gateway.domain.known_entities import (
    KEPT,
    NO_ENTITIES,
    VENDOR_ROWS_MAX,
    Entities,
    EntityId,
    EntityRow,
    entities_by_id,
    entity_key,
    entity_rows,
)
from services.gateway.tables import known_entities as table
from shared.clock import Clock
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put


class StoredEntities:
    """The entities in the database: what a transaction costs is shared by all requests that wait for one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reads = BatchLoader(self.read_batch)
        self._writes = BatchLoader(self.write_batch)

    async def find(self, vendor: str, ids: Collection[EntityId]) -> Entities:
        """Return the entities of those ids that an earlier record named. Raises `Retry`."""
        if not ids:
            return NO_ENTITIES
        rows = await self._reads.load([entity_key(vendor, id_) for id_ in ids])
        return entities_by_id(vendor, ids, rows)

    async def remember(self, vendor: str, entities: Entities) -> None:
        """Store the entities of a record. Raises `Retry`."""
        if entities:
            await self._writes.load(entity_rows(vendor, entities, self._clock.now()))

    async def read_batch(self, keys: Sequence[Sequence[str]]) -> list[EntityRow]:
        """Return the rows that any of the requests asks for."""
        async with self._database.read() as tx:
            return await tx.load(EntityRow, "key_text", [key for one in keys for key in one])

    async def write_batch(self, batch: Sequence[Sequence[EntityRow]]) -> None:
        """Store the rows of all requests; of one id the last counts."""
        last = {row.key_text: row for rows in batch for row in rows}
        writes = IdentityMap()
        writes.apply([Put(last[key]) for key in sorted(last)])
        async with self._database.begin() as tx:
            await tx.write(writes)


async def forget_entities(database: Database, lead_ids: Iterable[str]) -> None:
    """Forget the ids of a person. For erasure."""
    async with database.begin() as tx:
        await tx.execute(delete(table).where(table.c.lead_id.in_(list(lead_ids))))


async def prune_entities(database: Database, now: datetime) -> bool:
    """Forget what was named too long ago, and of a vendor with too many ids the oldest. Returns False."""
    counted = select(table.c.vendor, func.count().label("number")).group_by(table.c.vendor)
    async with database.read() as tx:
        too_many = [row.vendor for row in await tx.execute(counted) if row.number > VENDOR_ROWS_MAX]
    async with database.begin() as tx:
        await tx.execute(delete(table).where(table.c.told_at < now - KEPT))
        for vendor in too_many:
            newest = select(table.c.told_at).where(table.c.vendor == vendor).order_by(table.c.told_at.desc())
            limit = (await tx.execute(newest.offset(VENDOR_ROWS_MAX).limit(1))).scalar()
            if limit is not None:
                await tx.execute(delete(table).where(table.c.vendor == vendor, table.c.told_at <= limit))
    return False

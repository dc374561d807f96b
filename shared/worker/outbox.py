"""Transactional outbox: the records to publish are stored in the transaction that decided them.

After the commit the records are published and their rows deleted. Rows that a crash leaves behind are
published when a member is assigned their partition, before it reads anything new, so that they are not
overtaken; a sweeper publishes what is left after a while. Publishing twice does no harm: event ids are
derived from the cause, and every reader recognises a repeated event by its claim or its `sequence`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Select, bindparam, delete, func, insert, select

from shared.clock import Clock
from shared.lead.ids import partition_of
from shared.messaging.port import Outgoing, Sink, publish
from shared.storage.database import Database, Tx
from shared.worker.tables import outbox

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Outgoing]).decode
_INSERT = (
    insert(outbox)
    .values({column.name: bindparam(column.name) for column in outbox.c if column is not outbox.c.id})
    .returning(outbox.c.id)
)
_ROWS_AT_ONCE = 8  # a row may have some megabytes


class Outbox:
    """The outbox rows of one role."""

    def __init__(self, role: str, database: Database, sink: Sink, clock: Clock, *, partitions: int) -> None:
        self._role = role
        self._database = database
        self._sink = sink
        self._clock = clock
        self._partitions = partitions

    async def store(self, tx: Tx, out: Sequence[Outgoing], at: datetime) -> list[int]:
        """Store the records, one row per output partition, and return the ids of the rows."""
        if not out:
            return []
        by_partition: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in out:
            partition = partition_of(record.key, self._partitions) if record.key else 0
            by_partition[record.topic, partition].append(record)
        rows = [
            {
                "role": self._role,
                "topic": topic,
                "partition": partition,
                "records": _encode(records),
                "size": len(records),
                "created_at": at,
            }
            for (topic, partition), records in by_partition.items()
        ]
        if tx.dialect == "sqlite":
            return [found[0] for row in rows for found in await tx.fetch(_INSERT, row)]
        return [row.id for row in await tx.execute(_INSERT, rows)]

    async def delete(self, ids: Sequence[int]) -> None:
        """Delete rows whose records are published."""
        if ids:
            async with self._database.begin() as tx:
                await tx.execute(delete(outbox).where(outbox.c.id.in_(ids)))

    async def publish_orphans(self, partitions: Iterable[int]) -> int:
        """Publish what is left for these partition numbers; return the number of records."""
        return await self._publish_rows(select(outbox).where(outbox.c.partition.in_(sorted(set(partitions)))))

    async def sweep(self, older_than: timedelta) -> int:
        """Publish rows older than `older_than`; return the number of records."""
        return await self._publish_rows(
            select(outbox).where(outbox.c.created_at < self._clock.now() - older_than)
        )

    async def backlog(self) -> tuple[int, float]:
        """Return the number of unpublished rows, and the age of the oldest in seconds (0 without rows)."""
        counted = select(func.count(), func.min(outbox.c.created_at)).where(outbox.c.role == self._role)
        async with self._database.read() as tx:
            found = (await tx.execute(counted)).one()
        rows, oldest = tuple(found)
        return rows, max(0.0, (self._clock.now() - oldest).total_seconds()) if oldest else 0.0

    async def _publish_rows(self, rows_of: Select[tuple[object, ...]]) -> int:
        page = rows_of.where(outbox.c.role == self._role).order_by(outbox.c.id).limit(_ROWS_AT_ONCE)
        published = 0
        while True:
            async with self._database.read() as tx:
                rows = (await tx.execute(page)).all()
            for row in rows:
                await publish(self._sink, _decode(row.records))
                published += row.size
            await self.delete([row.id for row in rows])
            if len(rows) < _ROWS_AT_ONCE:
                return published

"""The outbox: what a unit of work decided to publish, stored by the same transaction.

After the commit the records are published and the rows forgotten. What a crash leaves behind is found
without anybody asking: the rows of a partition are published when a member gains it, before it reads
anything new, and a sweeper takes what is left after a while. Publishing twice is harmless: ids are
derived, and every reader claims or fences by `sequence`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Select, delete, func, insert, select

from shared.clock import Clock
from shared.lead.ids import partition_of
from shared.messaging.port import Outgoing, Sink, publish
from shared.storage.database import Database, Tx
from shared.worker.tables import outbox

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Outgoing]).decode
_ROWS_AT_ONCE = 50


class Outbox:
    """The outbox rows of one role."""

    def __init__(self, role: str, database: Database, sink: Sink, clock: Clock, *, partitions: int) -> None:
        self._role = role
        self._database = database
        self._sink = sink
        self._clock = clock
        self._partitions = partitions

    async def put(self, tx: Tx, out: Sequence[Outgoing], at: datetime) -> list[int]:
        """Store the records, one row per output partition; return the rows' ids."""
        if not out:
            return []
        result = await tx.execute(
            insert(outbox).returning(outbox.c.id),
            [
                {
                    "role": self._role,
                    "topic": topic,
                    "partition": partition,
                    "records": _encode(records),
                    "size": len(records),
                    "created_at": at,
                }
                for (topic, partition), records in self._by_partition(out).items()
            ],
        )
        return [row.id for row in result]

    async def forget(self, ids: Sequence[int]) -> None:
        """Delete rows whose records are published."""
        if ids:
            async with self._database.begin() as tx:
                await tx.execute(delete(outbox).where(outbox.c.id.in_(ids)))

    async def publish_orphans(self, partitions: Iterable[int]) -> int:
        """Publish and forget what was left for these partition numbers; return how many records."""
        return await self._drain(select(outbox).where(outbox.c.partition.in_(sorted(set(partitions)))))

    async def sweep(self, older_than: timedelta) -> int:
        """Publish and forget what has waited for longer than `older_than`; return how many records."""
        return await self._drain(select(outbox).where(outbox.c.created_at < self._clock.now() - older_than))

    async def waiting(self) -> tuple[int, float]:
        """Return how many rows wait to be published, and the age of the oldest in seconds (0: none)."""
        counted = select(func.count(), func.min(outbox.c.created_at)).where(outbox.c.role == self._role)
        async with self._database.read() as tx:
            found = (await tx.execute(counted)).one()
        rows, oldest = tuple(found)
        return rows, max(0.0, (self._clock.now() - oldest).total_seconds()) if oldest else 0.0

    async def _drain(self, wanted: Select[tuple[object, ...]]) -> int:
        wanted = wanted.where(outbox.c.role == self._role).order_by(outbox.c.id).limit(_ROWS_AT_ONCE)
        published = 0
        while True:
            async with self._database.read() as tx:
                rows = (await tx.execute(wanted)).all()
            for row in rows:
                await publish(self._sink, _decode(row.records))
                published += row.size
            await self.forget([row.id for row in rows])
            if len(rows) < _ROWS_AT_ONCE:
                return published

    def _by_partition(self, out: Sequence[Outgoing]) -> dict[tuple[str, int], list[Outgoing]]:
        rows: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in out:
            partition = partition_of(record.key, self._partitions) if record.key else 0
            rows[record.topic, partition].append(record)
        return rows

"""What Baton wrote for a number of leads, counted and sampled, so that the floor can write the like of it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from msgspec import Struct
from sqlalchemy.engine import make_url

from services.tables import metadata

_COUNTS = "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"
TOPICS = ("leads.enriched.v1", "leads.scored.v1", "leads.routed.v1")

Record = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value and headers."""


class Writes(Struct, frozen=True):
    """Rows of one table."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def all(self) -> int:
        return self.inserted + self.updated + self.deleted

    def since(self, before: Writes) -> Writes:
        return Writes(
            self.inserted - before.inserted, self.updated - before.updated, self.deleted - before.deleted
        )


Tables = dict[str, Writes]


def plain(database_url: str) -> str:
    """Return the URL as asyncpg wants it."""
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


async def writes(database_url: str) -> Tables:
    """Return what was written to each table since the database was made, by those who have disconnected."""
    connection = await asyncpg.connect(plain(database_url))
    try:
        await asyncio.sleep(0.2)
        return {row[0]: Writes(*tuple(row)[1:]) for row in await connection.fetch(_COUNTS)}
    finally:
        await connection.close()


def since(after: Tables, before: Tables) -> Tables:
    """Return what was written in between."""
    found = {name: writes.since(before.get(name, Writes())) for name, writes in after.items()}
    return {name: writes for name, writes in found.items() if writes.all and name in metadata.tables}


async def sampled_rows(database_url: str, limit: int) -> dict[str, list[dict[str, Any]]]:
    """Return some rows of each table."""
    connection = await asyncpg.connect(plain(database_url))
    try:
        return {
            name: [dict(row) for row in await connection.fetch(f'SELECT * FROM "{name}" LIMIT {limit}')]
            for name in metadata.tables
        }
    finally:
        await connection.close()


async def sampled_records(kafka: str, prefix: str, leads: int) -> dict[str, list[Record]]:
    """Return the records of so many leads that the roles wrote to each topic of the path."""
    found: dict[str, list[Record]] = {}
    for topic in TOPICS:
        consumer = AIOKafkaConsumer(
            f"{prefix}.{topic}", bootstrap_servers=kafka, auto_offset_reset="earliest"
        )
        await consumer.start()
        records: list[Record] = []
        async with asyncio.timeout(30):
            while len(records) < leads:
                for of_it in (await consumer.getmany(timeout_ms=500)).values():
                    records += [
                        (record.key or b"", record.value or b"", list(record.headers)) for record in of_it
                    ]
        await consumer.stop()
        found[topic] = records[:leads]
    return found

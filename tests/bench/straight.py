"""The floor of `path`: the rows, records and POSTs that Baton made for its leads, without any decision.

One process and one line of code after another: poll 500, write every row in one transaction, write every
record, post every webhook, store what came of it, commit.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any
from zlib import crc32

import aiohttp
import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.ledger.tables import COUNTERS
from services.router.domain.delivery import webhook_body
from services.tables import metadata
from shared.web.signing import Signer
from tests.bench.written import Record, Tables

BATCH = 500
_PARTITIONS = 6
_AFTER_POSTS = ("deliveries",)
_random = random.Random(1)


class Table:
    """Makes fresh rows of the sizes that Baton's have, and the statements that write them."""

    def __init__(
        self, name: str, per_lead: tuple[float, float, float], samples: list[dict[str, Any]]
    ) -> None:
        table = metadata.tables[name]
        self.name = name
        self._inserts, self._updates, self._deletes = per_lead
        columns = [column.name for column in table.c]
        keys = [column.name for column in table.primary_key]
        rest = [column for column in columns if column not in keys]
        places = ", ".join(f"${number + 1}" for number in range(len(columns)))
        where = " AND ".join(f'"{key}" = ${number + 1}' for number, key in enumerate(keys))
        names = ", ".join(f'"{column}"' for column in columns)
        sets = ", ".join(f'"{column}" = ${number + 1}' for number, column in enumerate(rest, len(keys)))
        self._insert = f'INSERT INTO "{name}" ({names}) VALUES ({places})'
        self._update = f'UPDATE "{name}" SET {sets} WHERE {where}' if rest else ""
        self._delete = f'DELETE FROM "{name}" WHERE {where}'
        self._fresh = _fresh_columns(table, samples)
        self._samples = cycle([[row[column] for column in columns] for row in samples])
        self._key_places = [columns.index(key) for key in keys]
        self._rest_places = [columns.index(column) for column in rest]
        self._standing = [[row[column] for column in columns] for row in samples]

    async def write(self, connection: asyncpg.Connection, leads: int) -> None:
        """Write what Baton writes for so many leads."""
        rows = [self._row(next(self._samples)) for _ in range(round(leads * self._inserts))]
        if rows:
            await connection.executemany(self._insert, rows)
        known = rows or self._standing
        if updates := round(leads * self._updates):
            changed = islice(cycle(known), updates)
            order = [*self._key_places, *self._rest_places]
            await connection.executemany(self._update, [[row[place] for place in order] for row in changed])
        if rows and (deletes := round(leads * self._deletes)):
            gone = [[row[place] for place in self._key_places] for row in rows[:deletes]]
            await connection.executemany(self._delete, gone)

    def _row(self, sample: list[Any]) -> list[Any]:
        row = sample.copy()
        for place, length in self._fresh:
            row[place] = f"{_random.getrandbits(128):0{length}x}"[:length]
        return row


def _fresh_columns(table: Any, samples: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return place and length of the texts that differ from row to row and have an index to go into."""
    indexed = {column.name for index in table.indexes for column in index.columns}
    indexed |= {column.name for column in table.primary_key}
    found: list[tuple[int, int]] = []
    for place, column in enumerate(table.c):
        values = [row[column.name] for row in samples]
        texts = [value for value in values if isinstance(value, str)]
        varies = len(set(texts)) * 4 > len(values)
        if column.name in indexed and texts and varies:
            found.append((place, round(sum(map(len, texts)) / len(texts))))
    return found


class StraightLine:
    """The code of the floor, on connections that are open."""

    def __init__(
        self,
        connections: asyncpg.Pool,
        producer: AIOKafkaProducer,
        http: aiohttp.ClientSession,
        signer: Signer,
        *,
        url: str,
        prefix: str,
        tables: Sequence[Table],
        outbox_rows: float,
        records: Mapping[str, Sequence[Record]],
    ) -> None:
        self._connections = connections
        self._producer = producer
        self._http = http
        self._signer = signer
        self._url = url
        self._prefix = prefix
        self._tables = [table for table in tables if table.name not in _AFTER_POSTS]
        self._after = [table for table in tables if table.name in _AFTER_POSTS]
        self._outbox_rows = outbox_rows
        self._records: dict[str, Iterator[tuple[bytes, Any, Any]]] = {
            topic: cycle([(key, msgspec.json.decode(value), headers) for key, value, headers in of_it])
            for topic, of_it in records.items()
        }

    async def batch(self, values: Sequence[bytes]) -> None:
        """Do for these records of `leads.received` what Baton does for them."""
        leads = len(values)
        for value in values:
            msgspec.json.decode(value)
        written = {
            topic: [
                (key, msgspec.json.encode(data), headers) for key, data, headers in islice(templates, leads)
            ]
            for topic, templates in self._records.items()
        }
        async with self._connections.acquire() as connection:
            async with connection.transaction():
                for table in self._tables:
                    await table.write(connection, leads)
                kept = await self._keep(connection, written)
            await asyncio.gather(*[await self._send(topic, records) for topic, records in written.items()])
            await asyncio.gather(*[self._post(record) for record in written["leads.routed.v1"]])
            async with connection.transaction():
                for table in self._after:
                    await table.write(connection, leads)
                await connection.executemany("DELETE FROM outbox WHERE id = $1", kept)

    async def _keep(
        self, connection: asyncpg.Connection, written: Mapping[str, Sequence[Record]]
    ) -> list[Any]:
        """Write the outbox: as many rows as Baton, with the same bytes."""
        whole = b"".join(value for records in written.values() for _key, value, _headers in records)
        rows = max(1, round(self._outbox_rows * len(written["leads.routed.v1"])))
        size, now = len(whole) // rows + 1, datetime.now(UTC)
        made = [
            (
                _random.getrandbits(62),
                "scorer",
                "leads.scored.v1",
                0,
                whole[size * n : size * (n + 1)],
                80,
                now,
            )
            for n in range(rows)
        ]
        await connection.executemany(
            "INSERT INTO outbox (id, role, topic, partition, records, size, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            made,
        )
        return [(row[0],) for row in made]

    async def _send(self, topic: str, records: Sequence[Record]) -> asyncio.Future[Any]:
        builders = [self._producer.create_batch() for _ in range(_PARTITIONS)]
        sent = []
        for key, value, headers in records:
            number = crc32(key) % _PARTITIONS
            if builders[number].append(timestamp=None, key=key, value=value, headers=headers) is None:
                sent.append(await self._flush(topic, builders[number], number))
                builders[number] = self._producer.create_batch()
                builders[number].append(timestamp=None, key=key, value=value, headers=headers)
        for number, builder in enumerate(builders):
            if builder.record_count():
                sent.append(await self._flush(topic, builder, number))
        return asyncio.gather(*sent)

    async def _flush(self, topic: str, builder: Any, number: int) -> asyncio.Future[Any]:
        builder.close()
        future: asyncio.Future[Any] = await self._producer.send_batch(
            builder, f"{self._prefix}.{topic}", partition=number
        )
        return future

    async def _post(self, record: Record) -> None:
        _key, value, headers = record
        now = datetime.now(UTC)
        body = webhook_body("lead.routed", now, value)
        signed = self._signer.headers(headers[1][1].decode(), now, body)
        headers_out = {"content-type": "application/json", **signed}
        async with self._http.post(self._url, data=body, headers=headers_out) as answer:
            assert answer.status == 204


def tables_of(total: Tables, leads: int, samples: Mapping[str, list[dict[str, Any]]]) -> list[Table]:
    """Return the tables that the floor writes; the outbox, and the few rows of summed counters, aside."""
    aside = {"outbox", *(table.name for table in COUNTERS)}
    return [
        Table(name, (writes.inserted / leads, writes.updated / leads, writes.deleted / leads), samples[name])
        for name, writes in sorted(total.items())
        if name not in aside and samples[name]
    ]


async def run(consumer: AIOKafkaConsumer, line: StraightLine, leads: int, in_flight: int) -> None:
    """Poll and work until so many leads are done, so many batches at a time."""
    room = asyncio.Semaphore(in_flight)
    left = leads
    async with asyncio.TaskGroup() as batches:

        async def work(values: list[bytes]) -> None:
            await line.batch(values)
            room.release()

        while left:
            fetched = await consumer.getmany(timeout_ms=500, max_records=BATCH)
            values = [record.value or b"" for of_it in fetched.values() for record in of_it]
            left -= len(values)
            if values:
                await room.acquire()
                batches.create_task(work(values))
                if in_flight == 1:
                    await room.acquire()
                    room.release()
                    await consumer.commit()
    await consumer.commit()

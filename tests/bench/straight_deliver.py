"""The floor of `deliver`: the POSTs and rows that Baton makes, one line of code after another.

Poll 500 records, sign and post each, write the rows in one transaction, commit.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer

from services.router.domain.delivery import webhook_body
from shared.messaging.kafka import KafkaStream
from shared.messaging.port import Outgoing, publish
from shared.storage.migrate import migrate
from shared.web.signing import Signer, new_secret
from tests.bench.services import Services
from tests.bench.straight import BATCH, Table, tables_of
from tests.bench.written import Writes, plain, sampled_rows

_TOPIC: Final = "leads.routed.v1"
_TABLES: Final = ("deliveries", "delivery_attempts", "notified_leads")
_AT_ONCE: Final = 500


class StraightDeliver:
    """The code of the floor, on connections that are open."""

    def __init__(
        self,
        stream: KafkaStream,
        consumer: AIOKafkaConsumer,
        connections: asyncpg.Pool,
        http: aiohttp.ClientSession,
        urls: Sequence[str],
    ) -> None:
        self._stream = stream
        self._consumer = consumer
        self._connections = connections
        self._http = http
        self._urls = urls
        self._signers = [Signer(new_secret(os.urandom(32))) for _ in urls]
        self._tables: list[Table] = []
        self.cpu_us: list[float] = []

    async def sample(self, database_url: str, leads: int) -> None:
        """Learn from Baton's database what its rows look like."""
        samples = await sampled_rows(database_url, leads)
        total = {name: Writes(inserted=len(samples[name])) for name in _TABLES}
        self._tables = tables_of(total, leads, samples)

    async def run(self, records: Sequence[Outgoing]) -> float:
        """Publish the records and deliver each to one URL; return deliveries a second."""
        cpu, began = time.process_time(), time.perf_counter()
        sink = await self._stream.sink()
        await publish(sink, records)
        await sink.close()
        left = len(records)
        while left:
            fetched = await self._consumer.getmany(timeout_ms=500, max_records=BATCH)
            batch = [record for of_it in fetched.values() for record in of_it]
            if not batch:
                continue
            await asyncio.gather(*[self._post(number, record) for number, record in enumerate(batch, left)])
            async with self._connections.acquire() as connection, connection.transaction():
                for table in self._tables:
                    await table.write(connection, len(batch))
            await self._consumer.commit()
            left -= len(batch)
        self.cpu_us.append((time.process_time() - cpu) / len(records) * 1e6)
        return len(records) / (time.perf_counter() - began)

    async def _post(self, number: int, record: Any) -> None:
        msgspec.json.decode(record.value)
        now, place = datetime.now(UTC), number % len(self._urls)
        body = webhook_body("lead.routed", now, record.value)
        signed = self._signers[place].headers(dict(record.headers)["ce_id"].decode(), now, body)
        headers = {"content-type": "application/json", **signed}
        async with self._http.post(self._urls[place], data=body, headers=headers) as answer:
            assert answer.status == 204


@asynccontextmanager
async def straight_deliver(
    services: Services, prefix: str, urls: Sequence[str]
) -> AsyncIterator[StraightDeliver]:
    """Open a database and a topic for the floor."""
    prefix = f"{prefix}-floor"
    database = await services.postgres.create_database()
    stream = KafkaStream([services.kafka], prefix=prefix, partitions=6, retention_days=1, create_topics=True)
    await migrate(database)
    await stream.open()
    consumer = AIOKafkaConsumer(
        f"{prefix}.{_TOPIC}",
        bootstrap_servers=services.kafka,
        group_id=f"{prefix}.bench",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with (
            asyncpg.create_pool(plain(database), min_size=1, max_size=4) as pool,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE)) as http,
            consumer,
        ):
            yield StraightDeliver(stream, consumer, pool, http, urls)
    finally:
        await stream.close()
        await services.postgres.drop_database(database)

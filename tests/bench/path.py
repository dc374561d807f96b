"""`path`: Kafka in, webhook out, through all roles on PostgreSQL, against straight-line code.

Baton's roles share two processes, one for each core of the machine that the figures are quoted from; the
floor is one process, which mostly waits for the database. A round is long enough for the time in which the
first leads pass through the roles, and the last ones too, to be a small part of it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.storage.migrate import migrate
from shared.web.signing import Signer
from shared.worker.consumer import ConsumerLimits
from tests.bench import straight
from tests.bench.all_roles import LEADS, ROLES, AllRoles, all_roles
from tests.bench.figure import Figure, Measure, in_turns
from tests.bench.leads import feed
from tests.bench.other_process import Ground, OtherProcess, other_process
from tests.bench.receiver import posts_taken, receiving
from tests.bench.services import Services
from tests.bench.straight import StraightLine, tables_of
from tests.bench.written import Tables, Writes, plain, sampled_records, sampled_rows, since, writes

_ROUNDS = 4
_GOAL = 0.7
_HERE = ("enricher", "router-deliver")
_THERE = ("scorer", "router", "ledger")


async def path(services: Services) -> Figure:
    """Measure the figure: first each role by itself, to see what it writes and takes; then all, in turns."""
    run = f"path{uuid.uuid4().hex[:8]}"
    mine = await services.postgres.create_database()
    bare = await services.postgres.create_database()
    try:
        with receiving() as url, tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            async with all_roles(services.kafka, mine, run, Path(folder)) as roles:
                await roles.subscribe(url)
                with other_process(Ground(services.kafka, mine, run, Path(folder)), _THERE) as others:
                    path = _Path(services.kafka, roles, others, run=run, url=url, mine=mine, bare=bare)
                    return await path.figure()
    finally:
        await services.postgres.drop_database(mine)
        await services.postgres.drop_database(bare)


class _Path:
    def __init__(
        self,
        kafka: str,
        roles: AllRoles,
        others: OtherProcess,
        *,
        run: str,
        url: str,
        mine: str,
        bare: str,
    ) -> None:
        self._kafka = kafka
        self._roles = roles
        self._others = others
        self._run = run
        self._url = url
        self._mine = mine
        self._bare = bare
        self._fed = 0
        self._repeated = 0
        self._units: dict[str, int] = {}
        self._cpu_us: dict[str, list[float]] = {"baton": [], "floor": []}

    async def figure(self) -> Figure:
        details, total = await self._one_by_one()
        async with self._straight_line(total) as (line, consumer):
            await self._settle_tables()

            async def floor(in_flight: int = 1) -> float:
                began = await feed(self._kafka, f"{self._run}-floor", LEADS)
                await straight.run(consumer, line, LEADS, in_flight)
                if in_flight == 1:
                    self._note_cpu("floor", time.process_time() - began.cpu_s)
                return LEADS / (time.perf_counter() - began.at_s)

            rounds = await in_turns(self._posted(self._together), self._posted(floor), _ROUNDS)
            faster = median([await floor(in_flight=4) for _ in range(3)])
        details.append(f"the floor with 4 batches in flight: {faster:,.0f} leads/s")
        cpu = ", ".join(f"{side} {median(us):.0f} us" for side, us in self._cpu_us.items())
        details.append(f"CPU a lead, of two processes against one: {cpu}")
        units = ", ".join(f"{name} {LEADS / each:.0f}" for name, each in self._units.items())
        details.append(f"leads a unit of work: {units}")
        details.append(f"webhooks that came twice: {self._repeated}")
        return rounds.figure("path", _GOAL, "leads", details)

    def _note_cpu(self, side: str, seconds: float) -> None:
        self._cpu_us[side].append(seconds / LEADS * 1e6)

    def _posted(self, measure: Measure) -> Measure:
        """See that every lead of a round reached the receiver."""

        async def measured() -> float:
            before = posts_taken(self._url)
            rate = await measure()
            posts = posts_taken(self._url) - before
            assert posts >= LEADS, f"{posts} webhooks for {LEADS} leads"  # delivery is at least once
            self._repeated += posts - LEADS
            return rate

        return measured

    async def _together(self) -> float:
        async with self._others.running(), self._roles.running(*_HERE):
            began = await feed(self._kafka, self._run, LEADS)
            self._fed += LEADS
            await self._roles.worked(LEADS, *_HERE)
            share = await self._others.worked(LEADS)
            await asyncio.sleep(
                ConsumerLimits().commit_every_s
            )  # by then all is committed, which is seen to below
            ended = time.perf_counter()
            self._note_cpu("baton", time.process_time() - began.cpu_s + share.cpu_s)
            await self._roles.caught_up(self._fed, *ROLES)
            await self._roles.delivered()
            self._units = {name: self._roles.units(name) for name in _HERE} | share.units
        return LEADS / (ended - began.at_s)

    async def _one_by_one(self) -> tuple[list[str], Tables]:
        """Let the roles follow each other; return what each takes and writes per lead, and what all write."""
        await feed(self._kafka, self._run, LEADS)
        self._fed += LEADS
        details: list[str] = []
        total: Tables = {}
        for name in ROLES:
            before = await writes(self._mine)
            taken = await self._roles.alone(name, self._fed)
            await self._roles.resources.database.close()  # its connections tell their counts when they end
            tables = since(await writes(self._mine), before)
            total = _sum(total, tables)
            rows = {table: round(each.all / LEADS, 2) for table, each in tables.items()}
            named = ", ".join(f"{table} {each:g}" for table, each in sorted(rows.items()))
            details.append(
                f"{name}: {sum(rows.values()):.1f} rows a lead ({named});"
                f" {taken.cpu_us:.0f} us of CPU, {taken.wall_us:.0f} us"
            )
        return details, total

    @asynccontextmanager
    async def _straight_line(self, total: Tables) -> AsyncIterator[tuple[StraightLine, AIOKafkaConsumer]]:
        prefix = f"{self._run}-floor"
        samples = await sampled_rows(self._mine, LEADS)
        records = await sampled_records(self._kafka, self._run, LEADS)
        await migrate(self._bare)
        await feed(self._kafka, prefix, LEADS)  # makes the topics
        consumer = AIOKafkaConsumer(
            f"{prefix}.leads.received.v1",
            bootstrap_servers=self._kafka,
            group_id=f"{prefix}.bench",
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            max_batch_size=512 * 1024,
        )
        connector = aiohttp.TCPConnector(limit=64)
        async with (
            asyncpg.create_pool(plain(self._bare), min_size=1, max_size=8) as pool,
            aiohttp.ClientSession(connector=connector) as http,
            consumer,
            producer,
        ):
            await consumer.seek_to_end()
            yield (
                StraightLine(
                    pool,
                    producer,
                    http,
                    Signer(self._roles.secret),
                    url=self._url,
                    prefix=prefix,
                    tables=tables_of(total, LEADS, samples),
                    outbox_rows=total.get("outbox", Writes()).inserted / LEADS,
                    records=records,
                ),
                consumer,
            )

    async def _settle_tables(self) -> None:
        """Let the planner know how large the tables are, as the server does by itself within a minute."""
        for url in (self._mine, self._bare):
            connection = await asyncpg.connect(plain(url))
            await connection.execute("VACUUM ANALYZE")
            await connection.close()


def _sum(one: Tables, other: Tables) -> Tables:
    names = one.keys() | other.keys()
    nothing = Writes()
    return {
        name: Writes(
            a.inserted + b.inserted,
            a.updated + b.updated,
            a.deleted + b.deleted,
        )
        for name in names
        for a, b in ((one.get(name, nothing), other.get(name, nothing)),)
    }

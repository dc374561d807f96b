"""`usual`: the whole path as in `path`, against the same work done as it is usually done, one by one.

One side is every role of Baton, on Kafka and PostgreSQL; the other are the same roles with the same decisions,
rows, events and webhooks, by FastStream, SQLAlchemy's ORM and httpx (`usual_way`). Both work in one process
on the same tables, on topics of their own with as many partitions, and nothing else runs meanwhile.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import httpx
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from shared.policy.compiled import compiled
from shared.policy.load import load
from shared.worker.consumer import ConsumerLimits
from tests.bench.all_roles import ROLES, AllRoles, all_roles
from tests.bench.figure import Figure, in_turns
from tests.bench.leads import feed
from tests.bench.receiver import posts_taken, receiving
from tests.bench.services import Services
from tests.bench.usual_way import UsualWay
from tests.bench.written import since, writes

LEADS: Final = 1_500
USUAL_LEADS: Final = 100
_WARM_UP: Final = 15
_ROUNDS: Final = 3
_GOAL: Final = 12

Delivered = Callable[[int], Awaitable[None]]


async def usual(services: Services) -> Figure:
    """Measure the figure: leads a second of both, in turns."""
    run = f"usual{uuid.uuid4().hex[:8]}"
    database = await services.postgres.create_database()
    try:
        with receiving() as url, tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            async with all_roles(services.kafka, database, run, Path(folder)) as roles:
                await roles.subscribe(url)
                return await _Compared(services.kafka, database, run, url, roles).figure()
    finally:
        await services.postgres.drop_database(database)


class _Compared:
    def __init__(self, kafka: str, database: str, run: str, url: str, roles: AllRoles) -> None:
        self._kafka = kafka
        self._database = database
        self._run = run
        self._url = url
        self._roles = roles
        self._policy = compiled(load(Path("config")))
        self._cpu_us: dict[str, list[float]] = {"baton": [], "usual": []}
        self._rows: dict[str, list[float]] = {"baton": [], "usual": []}

    async def figure(self) -> Figure:
        await self._baton()  # gives the reps what they can hold, so that both sides find the same
        rounds = await in_turns(self._baton, self._usual, _ROUNDS)
        details = [
            f"CPU a lead, of the one process: {_sides(self._cpu_us)} us",
            f"rows a lead: {_sides(self._rows, digits=1)}",
        ]
        return rounds.figure("usual", _GOAL, "leads", details, other="usual")

    async def _baton(self) -> float:
        async with self._counted("baton", LEADS) as delivered:
            async with self._roles.running(*ROLES):
                rate = await self._baton_warm(delivered)
            await self._roles.resources.database.close()  # its connections tell their counts when they end
        return rate

    async def _baton_warm(self, delivered: Delivered) -> float:
        await feed(self._kafka, self._run, _WARM_UP)
        await self._roles.worked(_WARM_UP, *ROLES)
        await delivered(_WARM_UP)
        cpu = time.process_time()
        began = await feed(self._kafka, self._run, LEADS)
        await self._roles.worked(_WARM_UP + LEADS, *ROLES)
        await delivered(_WARM_UP + LEADS)
        await asyncio.sleep(ConsumerLimits().commit_every_s)  # by then all is committed
        self._note_cpu("baton", cpu, LEADS)
        return LEADS / (time.perf_counter() - began.at_s)

    async def _usual(self) -> float:
        prefix = f"{self._run}-usual"
        counted = self._counted("usual", USUAL_LEADS)
        async with counted as delivered, self._usual_way(prefix) as way, way.running():
            await feed(self._kafka, prefix, _WARM_UP)
            await way.worked(_WARM_UP)
            await delivered(_WARM_UP)
            cpu = time.process_time()
            began = await feed(self._kafka, prefix, USUAL_LEADS)
            await way.worked(_WARM_UP + USUAL_LEADS)
            await delivered(_WARM_UP + USUAL_LEADS)
            self._note_cpu("usual", cpu, USUAL_LEADS)
            return USUAL_LEADS / (time.perf_counter() - began.at_s)

    @asynccontextmanager
    async def _usual_way(self, prefix: str) -> AsyncIterator[UsualWay]:
        await feed(self._kafka, prefix, 0)  # makes the topics
        engine = create_async_engine(self._database, pool_size=len(ROLES))
        sessions = async_sessionmaker(engine, expire_on_commit=False)
        try:
            async with httpx.AsyncClient() as http:
                secret = self._roles.secret
                yield UsualWay(self._kafka, prefix, sessions, http, self._policy, secret=secret)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def _counted(self, side: str, leads: int) -> AsyncIterator[Delivered]:
        """Count the rows of a turn; give what waits until so many webhooks of the turn have been received."""
        rows, posts = await writes(self._database), posts_taken(self._url)

        async def delivered(leads: int) -> None:
            async with asyncio.timeout(60):
                while posts_taken(self._url) - posts < leads:
                    await asyncio.sleep(0.05)

        yield delivered
        written = since(await writes(self._database), rows)
        self._rows[side].append(sum(writes.all for writes in written.values()) / (_WARM_UP + leads))

    def _note_cpu(self, side: str, before_s: float, leads: int) -> None:
        self._cpu_us[side].append((time.process_time() - before_s) / leads * 1e6)


def _sides(measured: dict[str, list[float]], digits: int = 0) -> str:
    return ", ".join(f"{side} {median(values):,.{digits}f}" for side, values in measured.items())

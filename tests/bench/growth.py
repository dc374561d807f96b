"""`growth`: leads a second and the slowest answers with many leads stored, against 10,000, on PostgreSQL and Kafka.

`BATON_BENCH_LEADS` says how many are many: 200,000 unless it is set, so that the figure is there within minutes;
`docs/performance.md` has those of a million. The ratio is the least of those that follow: leads a second through
all roles, and for each kind of request the 99th percentile. Both databases are asked in turns.

Every role has a process of its own, whose memory is told; and so is `baton up`, on SQLite, with 1,000 leads and
with 100,000.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import aiohttp
import psutil
from sqlalchemy import select

from services.ledger.tables import lead_views
from shared.storage.database import Database
from shared.storage.migrate import migrate
from tests.bench.all_roles import ROLES, AllRoles, all_roles
from tests.bench.figure import Figure, Rounds, in_turns
from tests.bench.leads import feed, lead_bodies
from tests.bench.other_process import Ground, OtherProcess, other_process
from tests.bench.receiver import receiving
from tests.bench.services import Services
from tests.support.gateway import running_gateway
from tests.support.lived_leads import LivedLeads, live_leads
from tests.support.many_leads import store_many_leads
from tests.support.topology import Topology

FEW: Final = 10_000
MANY: Final = int(os.environ.get("BATON_BENCH_LEADS", "200000"))
_EMBEDDED: Final = (1_000, 100_000)
_GOAL: Final = 0.9
_ROUNDS: Final = 4
_LEADS: Final = 2_000
_ASKED: Final = 200
_GIVE_UP_S: Final = 600
_REQUESTS: Final = {
    "inbox": "/v1/inbox",
    "inbox of a rep": "/v1/inbox?owner=sdr-1",
    "list": "/v1/leads?status=suppressed",
    "lead": "/v1/leads/{lead}",
    "timeline": "/v1/leads/{lead}/timeline",
    "search by e-mail": "/v1/search?q={email}",
    "search by name": "/v1/search?q=castellan",
    "summary": "/v1/reports/summary",
    "attention": "/v1/reports/attention",
    "flow": "/v1/reports/flow",
}


async def growth(services: Services) -> Figure:
    """Measure the figure."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        lived = await live_leads(Path(folder, "lived"), Path("config"))
        async with AsyncExitStack() as stack:
            urls: list[str] = []
            details: list[str] = []
            for leads in (FEW, MANY):
                url = await services.postgres.create_database()
                stack.push_async_callback(services.postgres.drop_database, url)
                began = time.perf_counter()
                await _store(url, lived, leads)
                details.append(f"{leads:,} leads stored in {time.perf_counter() - began:.0f} s")
                urls.append(url)
            figure = await compared(services, *urls)
        embedded = await _embedded(Path(folder), lived)
    return Figure(figure.name, figure.ratio, figure.goal, [*details, *figure.details, *embedded])


async def compared(services: Services, few: str, many: str) -> Figure:
    """Compare two databases that have leads already."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(receiving())
        sides = [await stack.enter_async_context(_side(services, database, url)) for database in (few, many)]
        rounds = await in_turns(sides[1].pass_leads, sides[0].pass_leads, _ROUNDS)
        memory = [side.memory_mib() for side in sides]
        asked = [await side.questions() for side in sides]
        took = await _ask_in_turns([side.ask for side in sides], asked)
    return _figure(rounds, took, memory)


class _Side:
    """One database, the roles on it, and its gateway."""

    def __init__(
        self,
        ground: Ground,
        database: Database,
        processes: dict[str, OtherProcess],
        http: aiohttp.ClientSession,
    ) -> None:
        self._ground = ground
        self._database = database
        self._processes = processes
        self._http = http

    async def pass_leads(self) -> float:
        """Pass new leads through every role; return how many a second."""
        async with AsyncExitStack() as stack:
            for process in self._processes.values():
                await stack.enter_async_context(process.running())
            began = await feed(self._ground.kafka, self._ground.prefix, _LEADS)
            await asyncio.gather(*(process.worked(_LEADS) for process in self._processes.values()))
            return _LEADS / (time.perf_counter() - began.at_s)

    def memory_mib(self) -> dict[str, float]:
        """Return the resident memory of each role."""
        return {
            name: psutil.Process(process.pid).memory_info().rss / 2**20
            for name, process in self._processes.items()
        }

    async def questions(self) -> list[dict[str, str]]:
        return await _leads_anywhere(self._database)

    async def ask(self, path: str) -> None:
        async with self._http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()


@asynccontextmanager
async def _side(services: Services, database_url: str, endpoint: str) -> AsyncIterator[_Side]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="baton-bench-")))
        ground = Ground(services.kafka, database_url, f"growth{uuid.uuid4().hex[:8]}", folder)
        roles: AllRoles = await stack.enter_async_context(
            all_roles(ground.kafka, ground.database_url, ground.prefix, folder)
        )
        await roles.subscribe(endpoint)
        processes = {name: stack.enter_context(other_process(ground, [name])) for name in ROLES}
        gateway = await stack.enter_async_context(
            running_gateway(folder / "gateway", BATON_DATABASE_URL=database_url)
        )
        await gateway.resources.policy.start()
        yield _Side(ground, roles.resources.database, processes, gateway.http)


async def _leads_anywhere(database: Database) -> list[dict[str, str]]:
    """Return leads from all over the table, the same ones each time."""
    places = random.Random("growth")
    found: list[dict[str, str]] = []
    async with database.read() as tx:
        for _ in range(_ASKED):
            from_here = lead_views.c.lead_id >= f"{places.randrange(2**32):08x}"
            statement = select(lead_views.c.lead_id, lead_views.c.email).where(from_here)
            row = (await tx.execute(statement.order_by(lead_views.c.lead_id).limit(1))).first()
            if row is not None:
                found.append({"lead": row.lead_id, "email": row.email})
    return found


async def _ask_in_turns(
    asks: Sequence[Callable[[str], Awaitable[None]]], questions: Sequence[list[dict[str, str]]]
) -> dict[str, list[list[float]]]:
    """Return by kind of request how long each side took each time, in milliseconds."""
    took: dict[str, list[list[float]]] = {kind: [[] for _ in asks] for kind in _REQUESTS}
    for number in range(_ASKED):
        for kind, path in _REQUESTS.items():
            for side in (0, 1) if number % 2 else (1, 0):
                names = questions[side][number % len(questions[side])]
                began = time.perf_counter()
                await asks[side](path.format(**names))
                took[kind][side].append((time.perf_counter() - began) * 1_000)
    return took


def _figure(rounds: Rounds, took: dict[str, list[list[float]]], memory: Sequence[dict[str, float]]) -> Figure:
    ratios = {"leads": rounds.ratio}
    details = rounds.figure("growth", _GOAL, "leads", other="with few").details
    for kind, (few, many) in took.items():
        ratios[kind] = _p99(few) / _p99(many)
        details.append(
            f"{kind}: p99 {_p99(few):.1f} ms with few, {_p99(many):.1f} ms with many ({ratios[kind]:.2f});"
            f" medians {median(few):.1f} and {median(many):.1f} ms"
        )
    sizes = ", ".join(f"{name} {memory[0][name]:.0f} and {memory[1][name]:.0f}" for name in memory[0])
    details.append(f"memory in MiB with few and with many: {sizes}")
    return Figure("growth", round(min(ratios.values()), 3), _GOAL, details)


def _p99(took: Sequence[float]) -> float:
    return quantiles(took, n=100, method="inclusive")[98]


async def _store(url: str, lived: LivedLeads, leads: int) -> None:
    await migrate(url)
    await store_many_leads(url, lived, leads, now=datetime.now(UTC), made=min(leads, 10_000))


async def _embedded(folder: Path, lived: LivedLeads) -> list[str]:
    """Return what `baton up` does with few leads and with many."""
    async with AsyncExitStack() as stack:
        sides: list[_Embedded] = []
        for leads in _EMBEDDED:
            topology = Topology(folder / f"embedded-{leads}")
            await _store(topology.database_url, lived, leads)
            stack.callback(topology.remove)
            await asyncio.to_thread(topology.start)
            headers = {"authorization": f"Bearer {topology.secrets.admin_key}"}
            http = await stack.enter_async_context(aiohttp.ClientSession(topology.url, headers=headers))
            sides.append(_Embedded(topology, http))
        rounds = await in_turns(sides[1].pass_leads, sides[0].pass_leads, _ROUNDS)
        memory = [{"baton up": side.memory_mib()} for side in sides]
        questions = [await side.questions() for side in sides]
        took = await _ask_in_turns([side.ask for side in sides], questions)
    few, many = _EMBEDDED
    figure = _figure(rounds, took, memory)
    return [f"`baton up`, {many:,} leads against {few:,}: {figure.ratio:.2f}", *figure.details]


class _Embedded:
    """A `baton up` in a process of its own."""

    def __init__(self, topology: Topology, http: aiohttp.ClientSession) -> None:
        self._topology = topology
        self._http = http

    async def pass_leads(self) -> float:
        """Send leads in lists and return how many a second were routed."""
        bodies = lead_bodies(_LEADS // 2, f"g{uuid.uuid4().hex[:6]}")
        began, sent = time.perf_counter(), list[str]()
        while some := list(islice(bodies, 200)):
            async with self._http.post("/v1/leads", json=some) as answer:
                assert answer.status == 202, await answer.text()
                sent += [result["lead_id"] for result in (await answer.json())["results"]]
        async with asyncio.timeout(_GIVE_UP_S):
            for lead in reversed(sent):
                while not await self._is_routed(lead):
                    await asyncio.sleep(0.1)
        return len(sent) / (time.perf_counter() - began)

    async def _is_routed(self, lead: str) -> bool:
        async with self._http.get(f"/v1/leads/{lead}") as answer:
            body: Any = await answer.json()
            return answer.status == 200 and body["status"] == "routed"

    def memory_mib(self) -> float:
        (process,) = self._topology.processes
        return psutil.Process(process.pid).memory_info().rss / 2**20

    async def questions(self) -> list[dict[str, str]]:
        database = Database(self._topology.database_url)
        try:
            return await _leads_anywhere(database)
        finally:
            await database.close()

    async def ask(self, path: str) -> None:
        async with self._http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

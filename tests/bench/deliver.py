"""`deliver`: webhooks a second to 100 endpoints, each recorded on PostgreSQL, against straight-line code.

Each routed lead goes to one endpoint. Beside it: the same leads to every endpoint; how old an event is when
it arrives at the rate that Hookdeck Outpost reaches on such a machine; the other endpoints while one hangs;
and what is due when the role starts; and 10,000 endpoints.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg
import psutil
from msgspec.structs import asdict
from sqlalchemy import insert

from services.router.delivery.storage import DueDeliveries
from services.router.domain.delivery import new_delivery, webhook_body
from services.router.tables import deliveries
from shared.messaging.port import Outgoing, publish
from shared.storage.database import Database
from tests.bench.all_roles import AllRoles, all_roles
from tests.bench.endpoints import Endpoints, Taken, endpoints
from tests.bench.figure import Figure, in_turns
from tests.bench.routed import routed, subscribe
from tests.bench.services import Services
from tests.bench.straight_deliver import StraightDeliver, straight_deliver
from tests.bench.written import plain

ENDPOINTS: Final = 100
LEADS: Final = 10_000
_GOAL = 0.7
_GOAL_A_SECOND: Final = 4_000
_ROUNDS: Final = 3
_OUTPOST: Final = "Hookdeck Outpost on such a machine: 942/s, p99 97 ms, 1,650 us"
_OUTPOST_A_SECOND: Final = 942
_PACED_S: Final = 15
_TICK_S: Final = 0.02
_HUNG_AMONG: Final = 20
_HUNG_A_SECOND: Final = 300
_DUE: Final = 100_000
_MANY: Final = 10_000
_ROLE: Final = "router-deliver"


async def deliver(services: Services) -> Figure:
    """Measure the figure."""
    with endpoints(ENDPOINTS) as there:
        urls = [there.url(number) for number in range(ENDPOINTS)]
        async with _ground(services, there, urls, own=True) as ground:
            async with straight_deliver(services, ground.prefix, urls) as floor:
                figure = await ground.against(floor)
            details = [*figure.details, _OUTPOST, await ground.paced()]
        async with _ground(services, there, urls, own=False) as ground:
            details.append(await ground.to_all())
        details.append(await _hung(services, there))
        details.append(await _restarted(services, there))
        details += await _many(services, there)
    return Figure(figure.name, figure.ratio, figure.goal, details)


@asynccontextmanager
async def _ground(
    services: Services, there: Endpoints, urls: Sequence[str], *, own: bool
) -> AsyncIterator[_Ground]:
    """Open a database and topics of their own, with these subscriptions."""
    prefix = f"deliver{uuid.uuid4().hex[:8]}"
    url = await services.postgres.create_database()
    try:
        with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            async with all_roles(services.kafka, url, prefix, Path(folder)) as roles:
                await subscribe(roles.resources.database, roles.resources.secret, urls, own=own)
                yield _Ground(roles, there, url, prefix, len(urls))
    finally:
        await services.postgres.drop_database(url)


class _Ground:
    """The delivery role with its database and topics."""

    def __init__(
        self, roles: AllRoles, there: Endpoints, database_url: str, prefix: str, subscribed: int
    ) -> None:
        self._roles = roles
        self._there = there
        self._database_url = database_url
        self.prefix = prefix
        self._subscribed = subscribed
        self._cpu_us: list[float] = []
        self._units: list[int] = []

    async def against(self, floor: StraightDeliver) -> Figure:
        """Measure deliveries a second, in turns with the floor."""
        await self._burst(self._spread(LEADS), LEADS)
        await floor.sample(self._database_url, LEADS)
        await self._analyze()

        async def mine() -> float:
            return await self._burst(self._spread(LEADS), LEADS)

        async def bare() -> float:
            rate = await floor.run(routed(number % ENDPOINTS for number in range(LEADS)))
            assert sum(one.requests for one in self._there.taken()) == LEADS
            return rate

        self._cpu_us.clear()
        rounds = await in_turns(mine, bare, _ROUNDS)
        a_second, units = median(rounds.baton), LEADS / median(self._units)
        cpu = f"{median(self._cpu_us):.0f} us of CPU each, the floor's {median(floor.cpu_us):.0f} us"
        details = [
            f"{a_second:,.0f} deliveries/s (goal: {_GOAL_A_SECOND:,}); {cpu}; {units:.0f} a unit of work"
        ]
        return rounds.figure("deliver", _GOAL, "deliveries", details)

    async def to_all(self) -> str:
        """Measure leads that every endpoint receives."""
        leads = LEADS // ENDPOINTS
        await self._burst(routed([0] * leads), LEADS)
        self._cpu_us.clear()
        rates = [await self._burst(routed([0] * leads), LEADS) for _ in range(_ROUNDS)]
        return (
            f"each lead to all {ENDPOINTS} endpoints: {median(rates):,.0f} deliveries/s,"
            f" {median(self._cpu_us):.0f} us of CPU each"
        )

    async def paced(self) -> str:
        """Measure how old events are when they arrive."""
        taken = await self._at_pace(_OUTPOST_A_SECOND, self._subscribed, _PACED_S)
        p50, p99 = _percentiles(taken)
        return f"at {_OUTPOST_A_SECOND}/s an event arrives after {p50:.0f} ms (p50), {p99:.0f} ms (p99)"

    async def others_p99_ms(self) -> float:
        """Return the 99th percentile of how old events are at the endpoints that do not hang: all but the last."""
        taken = await self._at_pace(_HUNG_A_SECOND, _HUNG_AMONG, _PACED_S)
        return _percentiles(taken[: _HUNG_AMONG - 1])[1]

    async def burst(self) -> float:
        """Return deliveries a second of leads for 100 of the endpoints."""
        await self._burst(self._spread(LEADS // 10), LEADS // 10)
        return median([await self._burst(self._spread(LEADS), LEADS) for _ in range(_ROUNDS)])

    async def deliver_due(self) -> str:
        """Start the role with deliveries that are due, and tell how they arrive."""
        await _fill(self._roles.resources.database, _DUE, self._there, in_the_past=True)
        await self._analyze()
        self._there.taken()
        memory = psutil.Process()
        before = most = memory.memory_info().rss
        async with self._roles.running(_ROLE):
            began, cpu = time.perf_counter(), time.process_time()
            while await self._roles.pending_deliveries():
                most = max(most, memory.memory_info().rss)
                await asyncio.sleep(0.1)
            seconds, cpu_us = (
                time.perf_counter() - began,
                (time.process_time() - cpu) / _DUE * 1e6,
            )
        taken = self._there.taken()
        assert sum(one.requests for one in taken) == _DUE
        return (
            f"{_DUE:,} due at the start, {ENDPOINTS} endpoints that take 20 ms: {_DUE / seconds:,.0f}/s,"
            f" {cpu_us:.0f} us of CPU each; one endpoint gets at most {max(one.a_second_max for one in taken)}"
            f" in a second, {max(one.at_a_time_max for one in taken)} at a time;"
            f" memory grows by {(most - before) / 2**20:.0f} MiB"
        )

    async def picking(self) -> list[str]:
        """Tell what it costs to look for due deliveries when each of many endpoints has one waiting."""
        database = self._roles.resources.database
        await _fill(database, _MANY, self._there, in_the_past=False)
        await self._analyze()
        due, took_ms = DueDeliveries(database), []
        for _ in range(20):
            began = time.perf_counter()
            assert not await due.target_ids(datetime.now(UTC))
            took_ms.append((time.perf_counter() - began) * 1e3)
        return [f"{_MANY:,} endpoints with a retry ahead: looking for what is due {median(took_ms):.1f} ms"]

    def _spread(self, leads: int) -> list[Outgoing]:
        step = max(1, self._subscribed // ENDPOINTS)
        return routed(number % ENDPOINTS * step for number in range(leads))

    async def _burst(self, records: Sequence[Outgoing], count: int) -> float:
        """Publish the leads at once; return deliveries a second until the last one is recorded."""
        async with self._roles.running(_ROLE):
            self._there.taken()
            cpu, began = time.process_time(), time.perf_counter()
            await self._publish(records)
            await self._roles.worked(len(records), _ROLE)
            await self._roles.delivered()
            seconds = time.perf_counter() - began
            self._cpu_us.append((time.process_time() - cpu) / count * 1e6)
            self._units.append(self._roles.units(_ROLE))
        assert sum(one.requests for one in self._there.taken()) == count
        return count / seconds

    async def _at_pace(self, a_second: int, reps: int, seconds: int) -> list[Taken]:
        """Publish so many leads a second, after a while that does not count; return what the endpoints took."""
        serial = 0
        async with self._roles.running(_ROLE):
            for counts in (False, True):
                began = time.perf_counter()
                sink = await self._roles.resources.stream.sink()
                sent, until = 0, seconds if counts else 3
                while (passed := time.perf_counter() - began) < until:
                    behind = int(passed * a_second) - sent
                    sent, serial = sent + behind, serial + behind
                    await publish(sink, routed(number % reps for number in range(serial - behind, serial)))
                    await asyncio.sleep(_TICK_S)
                await sink.close()
                await asyncio.sleep(0.5)
                taken = self._there.taken()
        return taken

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        sink = await self._roles.resources.stream.sink()
        await publish(sink, records)
        await sink.close()

    async def _analyze(self) -> None:
        """Let the planner know how large the tables are, as the server does by itself within a minute."""
        connection = await asyncpg.connect(plain(self._database_url))
        await connection.execute("VACUUM ANALYZE")
        await connection.close()


async def _hung(services: Services, there: Endpoints) -> str:
    p99_ms: list[float] = []
    for last in ("hook", "hang"):
        paths = ["hook"] * (_HUNG_AMONG - 1) + [last]
        urls = [there.url(number, path) for number, path in enumerate(paths)]
        async with _ground(services, there, urls, own=True) as ground:
            p99_ms.append(await ground.others_p99_ms())
    well, hung = p99_ms
    return (
        f"one of {_HUNG_AMONG} endpoints hangs at {_HUNG_A_SECOND}/s: p99 of the others {hung:.0f} ms,"
        f" {well:.0f} ms if it does not: {hung / well:.2f} times (goal: 1.2)"
    )


async def _restarted(services: Services, there: Endpoints) -> str:
    slow = [there.url(number, "slow") for number in range(ENDPOINTS)]
    async with _ground(services, there, slow, own=True) as ground:
        return await ground.deliver_due()


async def _many(services: Services, there: Endpoints) -> list[str]:
    async with _ground(services, there, [there.url(number) for number in range(_MANY)], own=True) as ground:
        a_second = await ground.burst()
        return [f"{_MANY:,} endpoints: {a_second:,.0f} deliveries/s", *await ground.picking()]


async def _fill(database: Database, count: int, there: Endpoints, *, in_the_past: bool) -> None:
    """Store so many pending deliveries: due for 100 endpoints, or one ahead for each endpoint."""
    now = datetime.now(UTC)
    at = now - timedelta(minutes=5) if in_the_past else now + timedelta(hours=1)
    among = ENDPOINTS if in_the_past else count
    body = webhook_body("lead.routed", at, routed([0])[0].value or b"")
    async with database.begin() as tx:
        for first in range(0, count, 2_000):
            rows = [
                new_delivery(
                    f"d{serial:08}",
                    f"endpoint-{serial % among:05}",
                    there.url(serial % among),
                    event_id=f"e{serial:08}",
                    event_type="baton.lead.routed.v1",
                    lead_id=f"lead-{serial:08}",
                    body=body,
                    at=at,
                    account=f"{serial}.example",
                    sequence=1,
                )
                for serial in range(first, min(first + 2_000, count))
            ]
            await tx.execute(insert(deliveries), [asdict(row) for row in rows])


def _percentiles(taken: Sequence[Taken]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile of the delays, in milliseconds."""
    delays = sorted(delay for one in taken for delay in one.delays_s)
    return delays[len(delays) // 2] * 1e3, delays[len(delays) * 99 // 100] * 1e3

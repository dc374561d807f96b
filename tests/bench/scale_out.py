"""`scale_out`: the same leads through one, two and four processes of every role, on one machine.

More processes than cores cannot be faster here; what is shown is that they do not stand in each other's way:
the leads for a second of CPU stay level, and next to none of the database's sessions wait for a lock.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg
from msgspec import Struct

from tests.bench.all_roles import ROLES, AllRoles, all_roles
from tests.bench.figure import Figure
from tests.bench.leads import feed
from tests.bench.other_process import Ground, OtherProcess, other_process
from tests.bench.receiver import receiving
from tests.bench.services import Services
from tests.bench.written import plain

_PROCESSES: Final = (1, 2, 4)
_ROUNDS: Final = 3
_LEADS: Final = 5_000
_FIRST_LEADS: Final = 200
"""By the time these have passed, the partitions have been handed out among the processes."""
_GOAL: Final = 0.9
_SAMPLE_EVERY_S: Final = 0.1
_SESSIONS: Final = """
    SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
"""


class _Round(Struct, frozen=True):
    """What so many processes did: leads a second, CPU of a lead, and which share of busy sessions waited."""

    leads_per_s: float
    cpu_us: float
    waiting: float


async def scale_out(services: Services) -> Figure:
    """Measure in turns, and compare the leads for a second of CPU with those of one process."""
    rounds: dict[int, list[_Round]] = {processes: [] for processes in _PROCESSES}
    for number in range(_ROUNDS):
        for processes in _PROCESSES if number % 2 else reversed(_PROCESSES):
            rounds[processes].append(await _measured(services, processes))
    cpu_us = {processes: median(one.cpu_us for one in taken) for processes, taken in rounds.items()}
    details = [
        f"{processes} of each role: {median(one.leads_per_s for one in taken):,.0f} leads/s,"
        f" {cpu_us[processes]:.0f} us of CPU a lead;"
        f" {median(one.waiting for one in taken):.1%} of the busy sessions waited for a lock"
        for processes, taken in rounds.items()
    ]
    most = _PROCESSES[-1]
    return Figure("scale_out", round(cpu_us[1] / cpu_us[most], 3), _GOAL, details)


async def _measured(services: Services, processes: int) -> _Round:
    """Run so many processes with every role on topics and a database of their own."""
    run = f"scale{uuid.uuid4().hex[:8]}"
    database = await services.postgres.create_database()
    try:
        with (
            receiving() as url,
            tempfile.TemporaryDirectory(prefix="baton-bench-") as folder,
            ExitStack() as started,
        ):
            ground = Ground(services.kafka, database, run, Path(folder))
            async with all_roles(services.kafka, database, run, Path(folder)) as roles:
                await roles.subscribe(url)
                others = [
                    started.enter_context(other_process(ground, tuple(ROLES))) for _ in range(processes)
                ]
                async with _running(others):
                    return await _round(services.kafka, roles, others, run, database)
    finally:
        await services.postgres.drop_database(database)


@asynccontextmanager
async def _running(others: list[OtherProcess]) -> AsyncIterator[None]:
    async with AsyncExitStack() as running:
        for other in others:
            await running.enter_async_context(other.running())
        yield


async def _round(kafka: str, roles: AllRoles, others: list[OtherProcess], run: str, database: str) -> _Round:
    await feed(kafka, run, _FIRST_LEADS)
    await roles.caught_up(_FIRST_LEADS, *ROLES)
    cpu_s = await _cpu_s(others)
    sampling = asyncio.create_task(_share_waiting(database))
    began = await feed(kafka, run, _LEADS)
    await roles.caught_up(_FIRST_LEADS + _LEADS, *ROLES)
    took_s = time.perf_counter() - began.at_s
    cpu_s = await _cpu_s(others) - cpu_s
    sampling.cancel()
    return _Round(_LEADS / took_s, cpu_s / _LEADS * 1e6, await sampling)


async def _cpu_s(others: list[OtherProcess]) -> float:
    """Return how much CPU the processes have taken since their roles were ready."""
    return sum([(await other.worked(0)).cpu_s for other in others])


async def _share_waiting(database: str) -> float:
    """Look at the sessions until cancelled; return which share of the busy ones waited for a lock."""
    waited = busy = 0
    connection = await asyncpg.connect(plain(database))
    try:
        while True:
            waiting, active = await connection.fetchrow(_SESSIONS)
            waited, busy = waited + waiting, busy + active
            await asyncio.sleep(_SAMPLE_EVERY_S)
    except asyncio.CancelledError:
        return waited / busy if busy else 0.0
    finally:
        await connection.close()

"""`embedded`: what `baton up` holds in memory after 10,000 leads, against what it holds after 100,000."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from tests.bench.figure import Figure
from tests.bench.leads import lead_bodies
from tests.bench.services import Services
from tests.support.topology import Topology

FEW: Final = 10_000
MANY: Final = 100_000
_GOAL = 0.8
_REQUEST = 200
_AHEAD_MAX = 4_000
"""Leads that may be on their way: what waits in the stream is not what is measured."""
_SECONDS_MAX = 1_800
_RECORDED = "SELECT count(*) FROM lead_views WHERE status = 'routed'"


async def embedded(_services: Services) -> Figure:
    """Measure the figure. The memory is the process's resident set."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        topology = Topology(Path(folder))
        topology.start()
        try:
            async with asyncio.timeout(_SECONDS_MAX):
                return await _grown(topology)
        finally:
            topology.remove()


async def _grown(topology: Topology) -> Figure:
    (process,) = topology.processes
    assert process.pid is not None
    memory = psutil.Process(process.pid)
    at_rest = memory.memory_info().rss
    crowd = _Crowd(topology)
    began = time.perf_counter()
    await crowd.grow_to(FEW)
    few = memory.memory_info().rss
    await crowd.grow_to(MANY)
    many = memory.memory_info().rss
    a_second = MANY / (time.perf_counter() - began)
    sizes = ", ".join(
        f"{rss / 2**20:.0f} MiB {when}"
        for rss, when in ((at_rest, "at rest"), (few, f"after {FEW:,} leads"), (many, f"after {MANY:,}"))
    )
    return Figure("embedded", round(few / many, 3), _GOAL, [sizes, f"{a_second:,.0f} leads/s"])


class _Crowd:
    """Sends leads in lists, and sees how many have been routed."""

    def __init__(self, topology: Topology) -> None:
        self._url = f"{topology.url}/v1/leads"
        self._headers = {"authorization": f"Bearer {topology.secrets.admin_key}"}
        self._tables = topology.data_dir / "tables.db"
        self._bodies: Iterator[dict[str, Any]] = lead_bodies(MANY, "embedded")
        self._sent = 0

    async def grow_to(self, leads: int) -> None:
        """Return when that many leads in all are routed."""
        async with aiohttp.ClientSession(headers=self._headers) as http:
            while self._sent < leads:
                while self._sent - await self._routed() > _AHEAD_MAX:
                    await asyncio.sleep(0.2)
                async with http.post(self._url, json=list(islice(self._bodies, _REQUEST))) as answer:
                    assert answer.status == 202, await answer.text()
                self._sent += _REQUEST
            while await self._routed() < leads:
                await asyncio.sleep(0.5)

    async def _routed(self) -> int:
        return await asyncio.to_thread(self._count)

    def _count(self) -> int:
        with sqlite3.connect(f"file:{self._tables}?mode=ro", uri=True) as connection:
            found: tuple[int] = connection.execute(_RECORDED).fetchone()
        connection.close()
        return found[0]

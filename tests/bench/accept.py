"""`accept`: durable `202`s a second, against a bare ASGI app that awaits the same producer."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from shared.sql.migrate import migrate
from tests.bench.figure import Figure, in_turns
from tests.bench.services import Services
from tests.support.api import eventually
from tests.support.services.debian import install
from tests.support.services.ports import free_port
from tests.support.topology import Topology

_GOAL = 0.6
_CONNECTIONS = 64
_SECONDS = 4
_SCRIPT = Path(__file__).with_name("leads.lua")


async def accept(services: Services) -> Figure:
    """Measure the figure. The load comes from wrk, which leaves the processor to the servers."""
    if shutil.which("wrk") is None:
        install("wrk")
    prefix = f"accept{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        topology = Topology(Path(folder), stream_url=f"kafka://{services.kafka}", prefix=prefix)
        await migrate(f"sqlite+aiosqlite:///{topology.data_dir / 'tables.db'}")
        (gateway,) = topology.named("gateway")
        try:
            gateway.start()
            gateway.await_ready()
            with _bare_intake(services.kafka, f"{prefix}.leads.received.v1") as bare_url:
                key = topology.secrets.admin_key

                async def baton() -> float:
                    return await _accepted_a_second(f"{topology.url}/v1/leads", key)

                async def floor() -> float:
                    return await _accepted_a_second(bare_url, key)

                rounds = await in_turns(baton, floor)
        finally:
            gateway.stop()
    return rounds.figure("accept", _GOAL, "leads", [f"{_CONNECTIONS} connections, one lead a request"])


@contextmanager
def _bare_intake(servers: str, topic: str) -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := free_port())}/"
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.bare_intake", str(port), servers, topic])
    try:
        eventually(lambda: _answers(url), what="the bare intake")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.post(url, content=b"{}", timeout=5).is_success
    except httpx.TransportError:
        return False


async def _accepted_a_second(url: str, key: str) -> float:
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(_SCRIPT), url]
    wrk = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "BENCH_KEY": key, "BENCH_RUN": f"r{uuid.uuid4().hex[:10]}"},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_SECONDS + 30):
        said = (await wrk.communicate())[0].decode()
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate, said
    return float(rate.group(1))

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
from functools import partial
from pathlib import Path
from statistics import median

import httpx
import psutil

from shared.storage.migrate import migrate
from tests.bench.figure import Figure, in_turns
from tests.bench.services import Services
from tests.support.api import eventually
from tests.support.gateway import ADMIN_KEY
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
            with _bare_intake(services.kafka, f"{prefix}.leads.received.v1") as bare:
                key = topology.secrets.admin_key
                ours = _Server(f"{topology.url}/v1/leads", gateway.pid)
                rounds = await in_turns(
                    lambda: _accepted_a_second(ours, key), lambda: _accepted_a_second(bare, key)
                )
                named = _Server(f"{topology.url}/v1/leads", gateway.pid)
                named_rounds = await in_turns(
                    lambda: _accepted_a_second(named, key, is_named=True),
                    lambda: _accepted_a_second(bare, key),
                    rounds=3,
                )
        finally:
            gateway.stop()
        beside = await _beside(services.kafka, prefix)
    details = [
        f"{_CONNECTIONS} connections, one lead a request",
        f"CPU a request: gateway {median(ours.cpu_us):.0f} us, bare app {median(bare.cpu_us):.0f} us (medians)",
        f"each under an Idempotency-Key: {named_rounds.ratio:.2f} of the bare app, {median(named.cpu_us):.0f} us a request",
        *beside,
    ]
    return rounds.figure("accept", _GOAL, "leads", details)


class _Server:
    """What is loaded; `cpu_us` is the processor time of its process per request, one value a round."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.cpu_us: list[float] = []
        self._process = psutil.Process(pid)

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


_WAYS = {
    "raw lane before FastAPI": "/v1/leads",
    "the lane as a route inside FastAPI": "/hot",
    "typed route with a pydantic body": "/typed",
}


async def _beside(kafka: str, prefix: str) -> list[str]:
    """Return a line for each other way to take a lead in, measured in turns with the bare app."""
    with (
        tempfile.TemporaryDirectory(prefix="baton-bench-") as folder,
        _bare_intake(kafka, f"{prefix}.leads.received.v1") as bare,
        _framework_intake(kafka, prefix, folder) as (port, pid),
    ):
        urls = {way: f"http://127.0.0.1:{port}{path}" for way, path in _WAYS.items()}
        lines = []
        for way, url in urls.items():
            server = _Server(url, pid)
            rounds = await in_turns(
                partial(_accepted_a_second, server, ADMIN_KEY),
                partial(_accepted_a_second, bare, ADMIN_KEY),
                rounds=3,
            )
            lines.append(
                f"{way}: {rounds.ratio:.2f} of the bare app, CPU {median(server.cpu_us):.0f} us a request"
            )
        return lines


@contextmanager
def _framework_intake(kafka: str, prefix: str, folder: str) -> Iterator[tuple[int, int]]:
    """Start `tests.bench.framework_intake`; yield its port and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.framework_intake", str(port), kafka, prefix, folder]
    process = subprocess.Popen(command)
    try:
        eventually(partial(_is_live, f"http://127.0.0.1:{port}/livez"), what="the framework intake")
        yield port, process.pid
    finally:
        process.kill()
        process.wait(20)


def _is_live(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def _bare_intake(servers: str, topic: str) -> Iterator[_Server]:
    url = f"http://127.0.0.1:{(port := free_port())}/"
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.bare_intake", str(port), servers, topic])
    try:
        eventually(lambda: _answers(url), what="the bare intake")
        yield _Server(url, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.post(url, content=b"{}", timeout=5).is_success
    except httpx.TransportError:
        return False


async def _accepted_a_second(server: _Server, key: str, *, is_named: bool = False) -> float:
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(_SCRIPT), server.url]
    spent_s = server.cpu_s()
    wrk = await asyncio.create_subprocess_exec(
        *command,
        env={
            **os.environ,
            "BENCH_KEY": key,
            "BENCH_RUN": f"r{uuid.uuid4().hex[:10]}",
            **({"BENCH_IDEMPOTENCY": "1"} if is_named else {}),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_SECONDS + 30):
        said = (await wrk.communicate())[0].decode()
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    requests = re.search(r"(\d+) requests in", said)
    assert rate, said
    assert requests, said
    server.cpu_us.append((server.cpu_s() - spent_s) / int(requests.group(1)) * 1e6)
    return float(rate.group(1))

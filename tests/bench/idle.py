"""`idle`: what `baton up` takes at rest, after the demo, against a bare uvicorn server at rest in the same run.

The figure is the worse of two shares: the processor that is allowed of what is taken, and the memory.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from msgspec import Struct

from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.services.ports import free_port
from tests.support.topology import Topology

CPU_PERCENT: Final = 1.0
MEMORY_MIB: Final = 150.0
_SETTLE_S = 20.0
_SECONDS = 60.0
_GOAL = 1.0


class _Taken(Struct, frozen=True):
    """CPU in percent of a core, and the resident set in MiB."""

    cpu_percent: float
    memory_mib: float

    def __str__(self) -> str:
        return f"{self.cpu_percent:.2f} % of a core, {self.memory_mib:.0f} MiB"


async def idle(_services: Services) -> Figure:
    """Measure the figure."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder, _bare_server() as bare:
        topology = Topology(Path(folder), demo=True)
        try:
            topology.start()
            (process,) = topology.processes
            while "Baton is ready" not in process.log_tail():
                await asyncio.sleep(0.2)
            await asyncio.sleep(_SETTLE_S)
            baton, floor = await asyncio.gather(_taken(process.pid), _taken(bare))
        finally:
            topology.remove()
    ratio = min(CPU_PERCENT / max(baton.cpu_percent, 0.01), MEMORY_MIB / baton.memory_mib)
    details = [
        f"baton up, at rest for {_SECONDS:.0f} s: {baton} (goals {CPU_PERCENT:g} %, {MEMORY_MIB:.0f} MiB)",
        f"a bare uvicorn server with uvloop and httptools: {floor}",
    ]
    return Figure("idle", round(ratio, 3), _GOAL, details)


async def _taken(pid: int) -> _Taken:
    process = psutil.Process(pid)
    before = process.cpu_times()
    await asyncio.sleep(_SECONDS)
    after = process.cpu_times()
    seconds = after.user + after.system - before.user - before.system
    return _Taken(seconds / _SECONDS * 100, process.memory_info().rss / 2**20)


@contextmanager
def _bare_server() -> Iterator[int]:
    """Run uvicorn with an app that answers nothing; yield its process id."""
    code = (
        f"import uvicorn; uvicorn.run(lambda *_: None, port={free_port()}, log_level='error', lifespan='off')"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait(20)

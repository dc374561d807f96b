"""The health check of a container, against the port that a role really serves."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from shared.health import Health
from shared.observability.metrics import Metrics
from shared.settings import CommonSettings, load
from shared.web.ops import OpsServer
from tests.support.services.ports import free_port


def probe(path: str, port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shared.web.probe", path]
    environ = {"BATON_OPS_PORT": str(port)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(("path", "code"), [("livez", 0), ("readyz", 1)])
async def test_a_role_that_waits_is_live_and_not_ready(path: str, code: int):
    port = free_port()
    server = OpsServer(
        Health(awaited=["stream"]), Metrics(), load(CommonSettings, {"BATON_OPS_PORT": str(port)})
    )
    await server.start()
    try:
        done = await asyncio.to_thread(probe, path, port)
    finally:
        await server.stop()
    assert done.returncode == code
    assert ("starting" in done.stderr) is (path == "readyz")


def test_no_answer_is_a_failure_with_its_reason():
    port = free_port()
    done = probe("livez", port)
    assert done.returncode == 1
    assert f"no answer on port {port}" in done.stderr


def test_it_loads_nothing_but_the_standard_library():
    code = "import sys, shared.web.probe; sys.exit('pydantic' in sys.modules or 'msgspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0

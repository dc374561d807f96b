"""How a process waits for its dependencies, and how the standalone service learns that it is ready."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import structlog.testing

from services.standalone.bootstrap import call_when_ready
from shared.clock import SystemClock
from shared.errors import Crash, Retry
from shared.health import Health
from shared.integrations.catalog import load_integrations
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.readiness import Readiness
from shared.worker.process import say_changed_presets, wait_for
from shared.worker.role import Resources
from tests.support.virtual_time import run_in_virtual_time


class Dependency:
    """Fails the first times that it is tried."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self._failures = failures
        self._error = error or Retry("the database is away")
        self.tried_at: list[float] = []

    async def attempt(self) -> None:
        self.tried_at.append(asyncio.get_running_loop().time())
        if len(self.tried_at) <= self._failures:
            raise self._error


def test_a_dependency_that_is_there_is_tried_once() -> None:
    dependency, health = Dependency(0), Health()

    async def main() -> bool:
        return await wait_for("database", dependency.attempt, asyncio.Event(), health)

    assert run_in_virtual_time(main(), at_most_s=10)
    assert dependency.tried_at == [0]
    assert health.readiness().checks["database"].ok


def test_a_dependency_that_is_away_is_tried_each_second_and_named_in_readiness() -> None:
    dependency, health = Dependency(3), Health()

    async def main() -> None:
        waiting = asyncio.create_task(wait_for("database", dependency.attempt, asyncio.Event(), health))
        await asyncio.sleep(0.5)
        check = health.readiness().checks["database"]
        assert (check.ok, check.detail) == (False, "the database is away")
        assert await waiting

    run_in_virtual_time(main(), at_most_s=10)
    assert dependency.tried_at == pytest.approx([0, 1, 2, 3], abs=0.01)
    assert health.readiness().ready


def test_a_stop_ends_the_wait() -> None:
    async def main() -> bool:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(5, stop.set)
        return await wait_for("database", Dependency(1_000).attempt, stop, Health())

    assert not run_in_virtual_time(main(), at_most_s=10)


def test_a_permanent_error_is_not_waited_for() -> None:
    async def main() -> None:
        await wait_for("policy", Dependency(1, Crash("refused")).attempt, asyncio.Event(), Health())

    with pytest.raises(Crash, match="refused"):
        run_in_virtual_time(main(), at_most_s=10)


def when_ready(*changes: tuple[float, str, bool], stop_at: float | None = None) -> list[float]:
    """Return when `ready` was called, if the checks `database` and `stream` change like this."""
    called: list[float] = []

    async def ready(_stop: asyncio.Event, _readiness: Readiness) -> None:
        called.append(asyncio.get_running_loop().time())

    async def main() -> None:
        health, stop, loop = (
            Health(awaited=("database", "stream")),
            asyncio.Event(),
            asyncio.get_running_loop(),
        )
        for at_s, name, ok in changes:
            loop.call_at(at_s, health.set, name, ok)
        if stop_at is not None:
            loop.call_at(stop_at, stop.set)
        await call_when_ready(health, ready, stop)

    run_in_virtual_time(main(), at_most_s=60)
    return called


def test_ready_is_called_once_when_the_last_check_passes() -> None:
    assert when_ready((1, "database", True), (5, "stream", True)) == pytest.approx([5], abs=0.1)


def test_a_check_that_fails_again_in_the_meantime_delays_it() -> None:
    changes = (1, "database", True), (2, "database", False), (3, "stream", True), (9, "database", True)
    assert when_ready(*changes) == pytest.approx([9], abs=0.1)


def test_a_process_that_stops_before_it_is_ready_does_not_call_it() -> None:
    assert when_ready((1, "database", True), stop_at=3) == []


def resources(secret: bytes) -> Resources:
    absent = cast("Any", None)
    return Resources(
        SystemClock(), absent, absent, absent, Health(), Metrics(), Tracing(None), secret, partitions=3
    )


def test_a_keyed_hash_depends_on_the_secret_and_the_text() -> None:
    """It is stored where the lead id must not be, so it must not be computable without the secret."""
    one, other = resources(b"one secret"), resources(b"another")
    assert one.keyed_hash("lead-1") == hmac.digest(b"one secret", b"lead-1", "sha256").hex()
    assert len({one.keyed_hash("lead-1"), one.keyed_hash("lead-2"), other.keyed_hash("lead-1")}) == 3
    assert replace(one, partitions=6).keyed_hash("lead-1") == one.keyed_hash("lead-1")


def test_integrations_that_changed_since_they_were_read_are_said_once(tmp_path: Path) -> None:
    preset = tmp_path / "integrations" / "forms" / "acme" / "preset.yaml"
    preset.parent.mkdir(parents=True)
    read, health = load_integrations(tmp_path), Health()

    def said() -> tuple[str, int]:
        with structlog.testing.capture_logs() as logged:
            asyncio.run(say_changed_presets(read, health))
        check = health.readiness().checks["integration_files"]
        assert check.ok
        return check.detail, len(logged)

    assert said() == ("", 0)
    preset.write_text("vendor: acme")
    detail = "changed since this process started: forms/acme; restart it to use it"
    assert said() == (detail, 1)
    assert said() == (detail, 0)
    preset.unlink()
    assert said() == ("", 0)

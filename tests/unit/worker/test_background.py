"""What repeats in the background, and how the drives wait; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from shared.errors import Crash, Fenced, Retry
from shared.health import Health
from shared.resilience.periodic import pause, repeat
from shared.storage.database import Database
from shared.storage.migrate import migrate
from shared.storage.rows import IdentityMap, Put
from shared.storage.write_activity import WriteActivity
from shared.worker.consumer import root_cause
from shared.worker.rows import TimerRow
from shared.worker.tables import timers, tombstones
from tests.support.virtual_time import run_in_virtual_time


def steps(*results: bool | Exception) -> tuple[Callable[[asyncio.Event], Callable[[], object]], list[float]]:
    """Return a step that gives these results in turn and stops at the last, and when it was called."""
    left, called = list(results), list[float]()

    def bound(stop: asyncio.Event) -> Callable[[], object]:
        async def step() -> bool:
            called.append(asyncio.get_running_loop().time())
            result = left.pop(0)
            if not left:
                stop.set()
            if isinstance(result, Exception):
                raise result
            return result

        return step

    return bound, called


def repeated(*results: bool | Exception) -> tuple[list[float], Health]:
    health = Health()
    bound, called = steps(*results)

    async def main() -> None:
        stop = asyncio.Event()
        await repeat("sweep", bound(stop), every_s=10, stop=stop, health=health)  # type: ignore[arg-type]

    run_in_virtual_time(main(), at_most_s=100)
    return called, health


def test_a_step_that_has_more_to_do_runs_again_at_once() -> None:
    called, health = repeated(True, True, False, False)
    assert called == pytest.approx([0, 0, 0, 10], abs=0.1)
    assert health.readiness().ready


def test_a_transient_error_is_reported_in_readiness_and_retried() -> None:
    called, health = repeated(False, Retry("the database is away"))
    assert called == pytest.approx([0, 10], abs=0.1)
    check = health.readiness().checks["sweep"]
    assert (check.ok, check.detail) == (False, "the database is away")
    called, health = repeated(Retry("the database is away"), False)
    assert called == pytest.approx([0, 2], abs=0.1)
    assert health.readiness().ready


@pytest.mark.parametrize("error", [Crash("broken"), ZeroDivisionError()])
def test_a_permanent_error_ends_the_repetition(error: Exception) -> None:
    with pytest.raises(type(error)):
        repeated(False, error)


def test_a_pause_ends_when_it_is_time_to_stop() -> None:
    async def main() -> float:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(3, stop.set)
        await pause(stop, 60)
        return loop.time()

    assert run_in_virtual_time(main(), at_most_s=100) == pytest.approx(3)


def test_the_root_cause_of_a_group_is_its_first_permanent_error() -> None:
    crash, retry = Crash("broken"), Retry("away")
    assert root_cause(BaseExceptionGroup("", [retry, ExceptionGroup("", [crash])])) is crash
    assert root_cause(BaseExceptionGroup("", [retry])) is retry
    fenced = Fenced("lost")
    assert root_cause(BaseExceptionGroup("", [BaseExceptionGroup("", [fenced])])) is fenced


def resting(*, written_at: float | None = None, due_in_s: float | None = None) -> list[float]:
    """Return when a step with nothing to do is called in half a minute; `every_s` is 1."""
    called: list[float] = []

    async def main() -> None:
        stop, activity = asyncio.Event(), WriteActivity()
        loop = asyncio.get_running_loop()
        loop.call_later(30, stop.set)
        if written_at is not None:
            loop.call_later(written_at, activity.note)

        async def step() -> bool:
            called.append(loop.time())
            return False

        async def due_within(seconds: float) -> float:
            return seconds if due_in_s is None else min(seconds, due_in_s)

        await repeat(
            "timers",
            step,
            every_s=1,
            stop=stop,
            health=Health(),
            activity=activity,
            due_within=due_within,
        )

    run_in_virtual_time(main(), at_most_s=100)
    return called


def test_a_step_rests_while_nothing_is_written() -> None:
    assert resting() == pytest.approx([0, 10, 20], abs=0.1)


def test_a_step_runs_within_its_interval_after_something_was_written() -> None:
    assert resting(written_at=13) == pytest.approx([0, 10, 14, 24], abs=0.1)


def test_a_step_that_works_again_is_reported_before_it_rests() -> None:
    failures = [Retry("the database is away")]

    async def step() -> bool:
        if failures:
            raise failures.pop()
        return False

    async def main() -> None:
        stop, health = asyncio.Event(), Health()
        running = asyncio.create_task(
            repeat("sweep", step, every_s=1, stop=stop, health=health, activity=WriteActivity())
        )
        await asyncio.sleep(1)
        assert not health.readiness().ready
        await asyncio.sleep(2)
        assert health.readiness().ready
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=100)


def test_a_step_runs_when_work_becomes_due_by_itself() -> None:
    assert resting(due_in_s=7) == pytest.approx([0, 7, 14, 21, 28], abs=0.1)


def test_only_a_transaction_that_wrote_is_activity(tmp_path: Path) -> None:
    async def seen() -> tuple[int, int]:
        url = f"sqlite+aiosqlite:///{tmp_path / 'tables.db'}"
        await migrate(url)
        database = Database(url)
        in_timers = database.activity_in(timers)
        async with database.begin() as tx:
            await tx.execute(delete(timers))
        assert (database.activity.writes, in_timers.writes) == (0, 0)
        rows = IdentityMap()
        rows.apply([Put(TimerRow("lead", "router", "sla", datetime(2026, 3, 1, tzinfo=UTC)))])
        async with database.begin() as tx:
            await tx.write(rows)
        housekeeping = database.activity.writes
        async with database.begin() as tx:
            await tx.execute(insert(tombstones).values(hash="h", role="router", at=datetime.now(UTC)))
        await database.close()
        return housekeeping, database.activity.writes

    assert asyncio.run(seen()) == (0, 1)

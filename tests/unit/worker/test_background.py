"""What repeats in the background, and how the drives wait; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from shared.errors import Crash, Fenced, Retry
from shared.resilience.periodic import pause, repeat
from shared.web.ops import Health
from shared.worker.consumer import root_cause
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

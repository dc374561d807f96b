"""How a consumer stops, retries and fails, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from shared.errors import Crash, Retry
from shared.lead.events.envelope import Event
from shared.web.ops import Health
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import cancellation_as_retry
from shared.worker.handler import Handler
from tests.support.consumers import P0, FakeWork, calm_broker, consumer_deps, numbered_record
from tests.support.virtual_time import run_in_virtual_time


class HangingHandler:
    """Never gets ready for the second record of the log."""

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        await asyncio.sleep(0 if event.id != "1" else 10_000)
        return event


def test_a_stop_is_bounded_even_if_a_record_hangs_and_commits_what_was_finished_before_it() -> None:
    broker = calm_broker(*map(numbered_record, range(10)))

    async def main() -> float:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(20, stop.set)
        consumer = ConcurrentConsumer(
            await consumer_deps(broker, FakeWork()),
            cast("Handler", HangingHandler()),
            order_key=lambda event: event.key,
        )
        await consumer.run(stop)
        return loop.time()

    assert run_in_virtual_time(main(), at_most_s=100) == pytest.approx(25, abs=1)
    assert broker.committed[P0] == 1
    assert broker.members == []


def test_retries_back_off_and_readiness_fails_meanwhile() -> None:
    broker, health = calm_broker(numbered_record(0)), Health()

    async def away_six_times(call: int) -> None:
        assert health.readiness().ready or call > 1
        if call <= 6:
            raise Retry("the database is away")

    work = FakeWork(away_six_times)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(
            BatchConsumer(await consumer_deps(broker, work, health=health)).run(stop)
        )
        while broker.committed[P0] == 0:
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=100)
    waits = [later - before for before, later in zip(work.calls, work.calls[1:], strict=False)]
    assert waits == pytest.approx([0.2, 0.5, 1, 2, 5, 5], abs=0.4)
    assert health.readiness().ready


def test_the_backoff_starts_anew_after_a_long_healthy_time() -> None:
    broker = calm_broker(numbered_record(0))

    async def away_after_an_hour(call: int) -> None:
        if call == 1:
            await asyncio.sleep(3600)
            raise Retry("the database is away")

    work = FakeWork(away_after_an_hour)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(BatchConsumer(await consumer_deps(broker, work)).run(stop))
        while broker.committed[P0] == 0:
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=4000)
    assert work.calls[1] - work.calls[0] - 3600 < 1


@pytest.mark.parametrize("error", [Crash("broken"), ZeroDivisionError()])
def test_a_permanent_error_ends_the_consumer_as_it_was_raised(error: Exception) -> None:
    broker = calm_broker(*map(numbered_record, range(3)))

    async def failing(_call: int) -> None:
        raise error

    async def main() -> None:
        await BatchConsumer(await consumer_deps(broker, FakeWork(failing))).run(asyncio.Event())

    with pytest.raises(type(error)):
        run_in_virtual_time(main(), at_most_s=100)
    assert broker.committed[P0] == 0
    assert broker.members == []


async def test_a_stray_cancellation_becomes_a_retry():
    async def stray() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Retry):
        await cancellation_as_retry(stray())


async def test_a_requested_cancellation_stays_one():
    task = asyncio.create_task(cancellation_as_retry(asyncio.sleep(10)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

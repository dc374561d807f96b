"""How a consumer stops, retries and fails, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import pytest

from shared.clock import FixedClock
from shared.errors import Crash, Retry
from shared.lead.events.envelope import Event
from shared.messaging.manifest import PEOPLE_ERASED
from shared.messaging.port import Partition, Record
from shared.observability.metrics import Metrics
from shared.web.ops import Health
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import ConsumerDeps, ConsumerLimits, cancellation_as_retry
from shared.worker.dead_letters import DeadLetters
from shared.worker.handler import Handler
from shared.worker.unit_of_work import Result
from tests.support.simulated_stream import SimulatedBroker
from tests.support.virtual_time import run_in_virtual_time

P0 = Partition(PEOPLE_ERASED.name, 0)
VALUE = b'{"lead_ids":[],"email_hash":"","at":"2026-03-02T00:00:00Z"}'


class FakeWork:
    """Gives nothing, after whatever `step` does."""

    def __init__(self, step: Callable[[int], Awaitable[None]]) -> None:
        self._step = step
        self.calls: list[float] = []

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        self.calls.append(asyncio.get_running_loop().time())
        await self._step(len(self.calls))
        return Result()


class HangingHandler:
    """Never gets ready for the second record of the log."""

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        await asyncio.sleep(0 if event.id != "1" else 10_000)
        return event


def calm_broker(records: int) -> SimulatedBroker:
    broker = SimulatedBroker(Random(1), PEOPLE_ERASED.name, 1)
    broker.calm = True
    for n in range(records):
        headers = [("ce_id", b"%d" % n), ("ce_source", b"/t"), ("ce_type", b"baton.person.erased.v1")]
        broker.log[P0].append(Record(PEOPLE_ERASED.name, 0, n, b"%d" % n, VALUE, headers, 0))
    return broker


async def deps(broker: SimulatedBroker, work: FakeWork, health: Health) -> ConsumerDeps:
    sink = await broker.sink()
    return ConsumerDeps(
        role="ledger",
        topics=(PEOPLE_ERASED.name,),
        stream=broker,
        sink=sink,
        work=work,
        dead_letters=DeadLetters("ledger", sink, FixedClock(datetime(2026, 3, 2, tzinfo=UTC))),
        health=health,
        metrics=Metrics(),
        limits=ConsumerLimits(batch=2, records_in_flight=3, drain_s=5.0),
    )


async def at_once(_call: int) -> None:
    await asyncio.sleep(0)


def test_a_stop_is_bounded_even_if_a_record_hangs_and_commits_what_was_finished_before_it() -> None:
    broker = calm_broker(10)

    async def main() -> float:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(20, stop.set)
        consumer = ConcurrentConsumer(
            await deps(broker, FakeWork(at_once), Health()),
            cast("Handler", HangingHandler()),
            order_key=lambda event: event.key,
        )
        await consumer.run(stop)
        return loop.time()

    assert run_in_virtual_time(main(), at_most_s=100) == pytest.approx(25, abs=1)
    assert broker.committed[P0] == 1
    assert broker.members == []


def test_retries_back_off_and_readiness_fails_meanwhile() -> None:
    broker, health = calm_broker(1), Health()

    async def away_six_times(call: int) -> None:
        assert health.readiness().ready or call > 1
        if call <= 6:
            raise Retry("the database is away")

    work = FakeWork(away_six_times)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(BatchConsumer(await deps(broker, work, health)).run(stop))
        while broker.committed[P0] == 0:
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=100)
    waits = [later - before for before, later in zip(work.calls, work.calls[1:], strict=False)]
    assert waits == pytest.approx([0.2, 0.5, 1, 2, 5, 5], abs=0.4)
    assert health.readiness().ready


def test_the_backoff_starts_anew_after_a_long_healthy_time() -> None:
    broker = calm_broker(1)

    async def away_after_an_hour(call: int) -> None:
        if call == 1:
            await asyncio.sleep(3600)
            raise Retry("the database is away")

    work = FakeWork(away_after_an_hour)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(BatchConsumer(await deps(broker, work, Health())).run(stop))
        while broker.committed[P0] == 0:
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=4000)
    assert work.calls[1] - work.calls[0] - 3600 < 1


@pytest.mark.parametrize("error", [Crash("broken"), ZeroDivisionError()])
def test_what_will_not_pass_ends_the_drive_as_itself(error: Exception) -> None:
    broker = calm_broker(3)

    async def failing(_call: int) -> None:
        raise error

    async def main() -> None:
        await BatchConsumer(await deps(broker, FakeWork(failing), Health())).run(asyncio.Event())

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

"""A batch is one unit of work, and the next is decided while the last is being published; virtual time."""

from __future__ import annotations

import asyncio
from random import Random

from msgspec.structs import replace

from shared.errors import Retry
from shared.health import Health
from shared.messaging.manifest import DEAD_LETTERS, PEOPLE_ERASED
from shared.observability.metrics import Metrics
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.consumer import ConsumerLimits
from tests.support.consumers import P0, FakeWork, calm_broker, consumer_deps, numbered_record
from tests.support.simulated_stream import SimulatedBroker
from tests.support.virtual_time import run_in_virtual_time


def consume(
    broker: SimulatedBroker,
    work: FakeWork,
    *,
    limits: ConsumerLimits,
    health: Health | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Consume until the last record of the log is committed, then stop."""

    async def main() -> None:
        stop = asyncio.Event()
        deps = await consumer_deps(broker, work, limits=limits, health=health, metrics=metrics)
        running = asyncio.create_task(BatchConsumer(deps).run(stop))
        while broker.committed[P0] < len(broker.log[P0]):
            assert not running.done()
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=1_000)


def test_a_poll_is_one_unit_in_the_order_of_the_offsets() -> None:
    work = FakeWork()
    consume(calm_broker(*map(numbered_record, range(5))), work, limits=ConsumerLimits(batch=2))
    assert work.units == [["0", "1"], ["2", "3"], ["4"]]


def test_polls_that_wait_for_a_unit_become_one_unit_of_bounded_size() -> None:
    broker = calm_broker(numbered_record(0))

    async def arriving_meanwhile(call: int) -> None:
        for number in range(1, 6) if call == 1 else ():
            broker.log[P0].append(numbered_record(number))
            await asyncio.sleep(2)

    work = FakeWork(arriving_meanwhile)
    consume(broker, work, limits=ConsumerLimits(batch=3))
    assert work.units == [["0"], ["1", "2", "3"], ["4", "5"]]


def test_records_that_come_while_units_are_short_share_the_next_one_and_a_single_one_waits_for_nothing() -> (
    None
):
    """A unit waits for four times as long as the last one took."""
    broker = calm_broker(numbered_record(0))
    begun: list[float] = []

    async def takes_10_ms(_call: int) -> None:
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)

    async def main() -> None:
        stop = asyncio.Event()
        work = FakeWork(takes_10_ms)
        deps = await consumer_deps(broker, work, limits=ConsumerLimits(poll_wait_s=0.001))
        running = asyncio.create_task(BatchConsumer(deps).run(stop))
        while not begun:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.015)  # the first unit has ended
        for number in range(1, 4):
            broker.log[P0].append(numbered_record(number))
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        broker.log[P0].append(numbered_record(4))
        appended_s = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        stop.set()
        await running
        assert work.units == [["0"], ["1", "2", "3"], ["4"]]
        first, second, third = begun
        assert 0.05 <= second - first < 0.06
        assert third - appended_s < 0.01

    run_in_virtual_time(main(), at_most_s=1_000)


def test_units_run_one_after_the_other_so_that_records_are_sent_in_the_order_of_decision() -> None:
    running, at_once = 0, 0

    async def slow(_call: int) -> None:
        nonlocal running, at_once
        running += 1
        at_once = max(at_once, running)
        await asyncio.sleep(3)
        running -= 1

    broker = calm_broker(*map(numbered_record, range(8)))
    consume(broker, FakeWork(slow), limits=ConsumerLimits(batch=1, batches_in_flight=4))
    assert at_once == 1


def test_units_of_different_partitions_run_at_once_and_a_partition_keeps_its_order() -> None:
    broker = SimulatedBroker(Random(1), PEOPLE_ERASED.name, 2)
    broker.calm = True
    for partition, log in broker.log.items():
        log.extend(replace(numbered_record(n), partition=partition.number) for n in range(4))
    running, at_once = 0, 0

    async def slow(_call: int) -> None:
        nonlocal running, at_once
        running += 1
        at_once = max(at_once, running)
        await asyncio.sleep(3)
        running -= 1

    work = FakeWork(slow)
    consume(broker, work, limits=ConsumerLimits(batch=2, units_at_once=2))
    assert at_once == 2
    assert work.units == [["0", "1"], ["0", "1"], ["2", "3"], ["2", "3"]]


def test_records_that_cannot_be_decoded_are_dead_lettered_and_the_others_of_the_batch_are_decided() -> None:
    broker = calm_broker(numbered_record(0), numbered_record(1, value=b"["), numbered_record(2))
    work = FakeWork()
    consume(broker, work, limits=ConsumerLimits(batch=3))
    assert work.units == [["0", "2"]]
    (letter,) = broker.published
    assert (letter.topic, letter.value) == (DEAD_LETTERS.name, b"[")


def test_after_a_transient_failure_the_same_records_are_read_again() -> None:
    async def fails_once(call: int) -> None:
        if call == 1:
            raise Retry("the database is away")

    work, metrics = FakeWork(fails_once), Metrics()
    consume(
        calm_broker(*map(numbered_record, range(2))), work, limits=ConsumerLimits(batch=2), metrics=metrics
    )
    assert work.units == [["0", "1"], ["0", "1"]]
    labels = {"role": "ledger", "reason": "Retry"}
    assert metrics.registry.get_sample_value("baton_retries_total", labels) == 1


def test_a_unit_that_waits_behind_a_failed_one_does_not_run() -> None:
    """It would be decided before the events of the failed one, which come again first."""

    async def first_fails_late(call: int) -> None:
        if call == 1:
            await asyncio.sleep(5)
            raise Retry("the database is away")

    work = FakeWork(first_fails_late)
    consume(calm_broker(*map(numbered_record, range(4))), work, limits=ConsumerLimits(batch=2))
    assert work.units == [["0", "1"], ["0", "1"], ["2", "3"]]


def test_readiness_names_what_the_role_waits_for_and_recovers() -> None:
    health, seen = Health(), list[str]()

    async def fails_twice(call: int) -> None:
        if call > 1:
            seen.append(health.readiness().checks["ledger.stream"].detail)
        if call <= 2:
            raise Retry(f"failure {call}")

    consume(calm_broker(numbered_record(0)), FakeWork(fails_twice), limits=ConsumerLimits(), health=health)
    assert health.readiness().checks["ledger.stream"].ok
    assert len(seen) == 2


def test_an_empty_topic_keeps_the_role_ready_and_commits_nothing() -> None:
    broker, health = calm_broker(), Health()

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(60, stop.set)
        await BatchConsumer(await consumer_deps(broker, FakeWork(), health=health)).run(stop)

    run_in_virtual_time(main(), at_most_s=100)
    assert broker.committed[P0] == 0
    assert health.readiness().ready


def test_a_stop_finishes_and_commits_what_is_in_flight() -> None:
    broker = calm_broker(*map(numbered_record, range(2)))

    async def slow(_call: int) -> None:
        await asyncio.sleep(3)

    async def main() -> None:
        stop = asyncio.Event()
        work = FakeWork(slow)
        deps = await consumer_deps(broker, work, limits=ConsumerLimits(batch=2, drain_s=10))
        running = asyncio.create_task(BatchConsumer(deps).run(stop))
        while not work.calls:
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=100)
    assert broker.committed[P0] == 2
    assert broker.members == []

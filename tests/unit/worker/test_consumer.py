"""How a consumer stops, retries and fails, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import msgspec
import pytest

from shared.errors import Crash, DataError, Retry
from shared.health import Health
from shared.lead.events.envelope import Event
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import Record
from shared.observability.metrics import Metrics
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import ConsumerLimits, cancellation_as_retry, split_by_bytes
from shared.worker.handler import Handler
from shared.worker.partition_breaker import PartitionBreaker
from shared.worker.unit_of_work import Result
from tests.support.consumers import P0, VALUE, FakeWork, calm_broker, consumer_deps, numbered_record
from tests.support.simulated_stream import SimulatedBroker
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


def own(record: Record) -> Record:
    """Return the record as an event of the gateway."""
    headers = [header for header in record.headers if header[0] != "ce_source"]
    return msgspec.structs.replace(record, headers=[*headers, ("ce_source", b"/baton/gateway")])


class FaultyWork(FakeWork):
    """Rejects every event while `faulty`, as a role does whose tables have a fault."""

    faulty = True

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        result = await super().run(events)
        if not self.faulty:
            return result
        fault = DataError("a column is missing", kind="database")
        return Result(rejected=[(event, fault) for event, _outcome in result.outcomes])


def test_the_lag_of_a_partition_is_measured_by_the_process_that_has_it() -> None:
    broker = SimulatedBroker(Random(1), P0.topic, 2)
    broker.calm = True

    def measured(metrics: Metrics) -> set[str]:
        [family] = metrics.consumer_lag.collect()
        return {sample.labels["partition"] for sample in family.samples}

    async def main() -> None:
        stop, first, second = asyncio.Event(), Metrics(), Metrics()
        async with asyncio.TaskGroup() as running:
            running.create_task(
                BatchConsumer(await consumer_deps(broker, FakeWork(), metrics=first)).run(stop)
            )
            await asyncio.sleep(20)
            assert measured(first) == {"0", "1"}
            running.create_task(
                BatchConsumer(await consumer_deps(broker, FakeWork(), metrics=second)).run(stop)
            )
            await asyncio.sleep(1)
            broker.members[1].gain(P0)
            await asyncio.sleep(20)
            assert (measured(first), measured(second)) == ({"1"}, {"0"})
            stop.set()

    run_in_virtual_time(main(), at_most_s=100)


def test_a_role_that_fails_on_its_own_events_pauses_and_resumes_once_it_works_again() -> None:
    broker, health, metrics = calm_broker(*(own(numbered_record(n)) for n in range(40))), Health(), Metrics()
    work = FaultyWork()
    gauge = ("baton_partitions_paused", {"role": "ledger"})

    async def main() -> int:
        stop = asyncio.Event()
        deps = await consumer_deps(broker, work, health=health, metrics=metrics)
        deps = replace(deps, breaker=PartitionBreaker(window=6, share_max_percent=50, probe_every_s=10))
        running = asyncio.create_task(BatchConsumer(deps).run(stop))
        await asyncio.sleep(35)
        assert not running.done()
        check = health.readiness().checks["ledger.partitions"]
        assert (check.ok, metrics.registry.get_sample_value(*gauge)) == (False, 1)
        assert f"{P0.topic}/0" in check.detail
        set_aside = broker.committed[P0]
        work.faulty = False
        while broker.committed[P0] < 40:
            await asyncio.sleep(0.1)
        stop.set()
        await running
        return set_aside

    set_aside = run_in_virtual_time(main(), at_most_s=100)
    assert 6 <= set_aside <= 20, "a window and what was in flight, then one record per probe"
    assert [len(unit) for unit in work.units].count(1) == 4, "three probes that fail and one that succeeds"
    assert len(broker.published) == set_aside, "each was dead-lettered once and committed"
    assert (health.readiness().ready, metrics.registry.get_sample_value(*gauge)) == (True, 0)


def test_a_partition_without_another_record_is_not_reported_as_paused_for_ever() -> None:
    broker, health = calm_broker(*(own(numbered_record(n)) for n in range(6))), Health()

    async def main() -> None:
        stop = asyncio.Event()
        deps = await consumer_deps(broker, FaultyWork(), health=health)
        deps = replace(deps, breaker=PartitionBreaker(window=6, share_max_percent=50, probe_every_s=10))
        running = asyncio.create_task(BatchConsumer(deps).run(stop))
        while broker.committed[P0] < 6:
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        assert not health.readiness().ready
        await asyncio.sleep(10)
        assert health.readiness().ready
        broker.log[P0].append(own(numbered_record(6)))
        await asyncio.sleep(2)
        assert not health.readiness().ready
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=100)


def test_records_of_outside_producers_never_pause_a_role() -> None:
    broker, health = calm_broker(*map(numbered_record, range(200))), Health()

    async def main() -> float:
        stop = asyncio.Event()
        deps = await consumer_deps(broker, FaultyWork(), health=health)
        deps = replace(deps, breaker=PartitionBreaker(window=6, share_max_percent=50, probe_every_s=1_000))
        running = asyncio.create_task(BatchConsumer(deps).run(stop))
        while broker.committed[P0] < 200:
            await asyncio.sleep(0.1)
        stop.set()
        await running
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(main(), at_most_s=100) < 100
    assert len(broker.published) == 200
    assert health.readiness().ready


def sized(*sizes: int) -> list[Record]:
    return [numbered_record(number, value=b"a" * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((), []),
        ((1_000, 2_000, 3_000), [[0, 1, 2]]),
        ((4_000, 4_000, 4_000), [[0, 1], [2]]),
        ((20_000, 1, 20_000, 20_000), [[0], [1], [2], [3]]),
        ((1_000, 8_000, 1_000), [[0, 1], [2]]),
    ],
)
def test_records_are_split_by_their_bytes(sizes: Sequence[int], parts: list[list[int]]) -> None:
    # With its key and headers a record has some hundred bytes more than its value.
    split = list(split_by_bytes(sized(*sizes), 10_000))
    assert [[record.offset for record in part] for part, _size in split] == parts
    assert [size for _part, size in split] == [sum(map(stored_bytes, part)) for part, _size in split]


def test_a_large_key_or_header_counts_too() -> None:
    large_key = msgspec.structs.replace(numbered_record(0), key=b"a" * 9_900)
    large_header = msgspec.structs.replace(numbered_record(1), headers=[("x", b"a" * 9_900)])
    assert [len(part) for part, _size in split_by_bytes([large_key, large_header], 10_000)] == [1, 1]


class Measuring(FakeWork):
    """Holds each unit for a second and notes the bytes that are in flight together."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = self.most = 0

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        size = sum(len(event.raw) for event in events)
        self.in_flight += size
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(1)
        self.in_flight -= size
        return await super().run(events)


@pytest.mark.parametrize("kind", ["batch", "concurrent"])
def test_the_bytes_in_flight_are_bounded(kind: str) -> None:
    broker = calm_broker(*(numbered_record(n, value=VALUE + b" " * 1_000) for n in range(50)))
    work = Measuring()

    class Ready:
        async def prepare(self, event: Event[Any]) -> Event[Any]:
            await asyncio.sleep(1)
            return event

    async def main() -> None:
        stop = asyncio.Event()
        deps = await consumer_deps(broker, work, limits=ConsumerLimits(bytes_in_flight=5_000))
        consumer = (
            BatchConsumer(deps)
            if kind == "batch"
            else ConcurrentConsumer(deps, cast("Handler", Ready()), lambda event: event.key)
        )
        running = asyncio.create_task(consumer.run(stop))
        while broker.committed[P0] < 50:
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=1_000)
    assert 1_000 < work.most <= 5_000


def test_a_rejected_record_is_held_by_no_traceback() -> None:
    async def main() -> None:
        consumer = BatchConsumer(await consumer_deps(calm_broker(), FakeWork()))
        _events, ((_record, error),) = consumer.decode_all([numbered_record(0, value=b"{")])
        assert error.__traceback__ is None

    run_in_virtual_time(main(), at_most_s=10)


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

"""Many records in flight at once, in order per key; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from msgspec.structs import replace

from shared.errors import DataError
from shared.lead.events.envelope import Event
from shared.messaging.manifest import DEAD_LETTERS, PEOPLE_ERASED
from shared.messaging.port import Record
from shared.observability.metrics import Metrics
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import ConsumerLimits
from shared.worker.handler import Handler
from tests.support.consumers import P0, FakeWork, calm_broker, consumer_deps, numbered_record
from tests.support.simulated_stream import SimulatedBroker
from tests.support.virtual_time import run_in_virtual_time


class TimedHandler:
    """Prepares each event for as many seconds as `takes_s` says, and notes when it began and ended."""

    def __init__(self, takes_s: Mapping[str, float], refused: Mapping[str, Exception] | None = None) -> None:
        self._takes_s = takes_s
        self._refused = refused or {}
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.in_flight_max = 0

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        now = asyncio.get_running_loop().time
        self.began[event.id] = now()
        self.in_flight_max = max(self.in_flight_max, len(self.began) - len(self.ended))
        await asyncio.sleep(self._takes_s.get(event.id, 0.0))
        self.ended[event.id] = now()
        if event.id in self._refused:
            raise self._refused[event.id]
        return event


def consume(
    broker: SimulatedBroker,
    handler: TimedHandler,
    *,
    work: FakeWork | None = None,
    in_flight: int = 100,
    metrics: Metrics | None = None,
    is_needed: Callable[[Record], bool] = lambda _record: True,
) -> None:
    """Consume until the last record of the log is committed, then stop."""

    async def main() -> None:
        stop = asyncio.Event()
        limits = ConsumerLimits(batch=100, records_in_flight=in_flight, drain_s=5.0)
        deps = await consumer_deps(broker, work or FakeWork(), limits=limits, metrics=metrics)
        consumer = ConcurrentConsumer(deps, cast("Handler", handler), lambda event: event.key, is_needed)
        running = asyncio.create_task(consumer.run(stop))
        while broker.committed[P0] < len(broker.log[P0]):
            assert not running.done()
            await asyncio.sleep(0.1)
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=1_000)


def test_records_of_one_key_are_prepared_one_after_the_other() -> None:
    handler = TimedHandler({"0": 10.0})
    consume(calm_broker(numbered_record(0, key="a"), numbered_record(1, key="a")), handler)
    assert handler.began["1"] >= handler.ended["0"]


def test_a_slow_record_holds_up_no_other_key() -> None:
    handler = TimedHandler({"0": 10.0})
    consume(calm_broker(numbered_record(0, key="a"), numbered_record(1, key="b")), handler)
    assert handler.ended["1"] < handler.ended["0"]


def test_a_record_waits_until_the_effects_of_the_one_before_it_are_published() -> None:
    """Prepared is not enough: the second must be decided on what the first has stored."""

    async def slow_unit(call: int) -> None:
        await asyncio.sleep(20 if call == 1 else 0)

    work, handler = FakeWork(slow_unit), TimedHandler({})
    consume(calm_broker(numbered_record(0, key="a"), numbered_record(1, key="a")), handler, work=work)
    assert handler.began["1"] - handler.ended["0"] >= 20
    assert work.units == [["0"], ["1"]]


def test_events_that_become_ready_during_a_unit_are_decided_together_in_the_next() -> None:
    """A unit costs a transaction, so the fewer the better."""

    async def slow_unit(_call: int) -> None:
        await asyncio.sleep(10)

    work = FakeWork(slow_unit)
    handler = TimedHandler({"1": 2.0, "2": 3.0, "3": 4.0})
    consume(calm_broker(*map(numbered_record, range(4))), handler, work=work)
    assert work.units == [["0"], ["1", "2", "3"]]


def test_at_most_the_limit_is_in_flight() -> None:
    handler = TimedHandler({str(number): 5.0 for number in range(12)})
    consume(calm_broker(*map(numbered_record, range(12))), handler, in_flight=3)
    assert handler.in_flight_max == 3
    assert len(handler.ended) == 12


def test_a_record_that_is_not_needed_is_committed_and_neither_decoded_nor_prepared() -> None:
    unreadable = replace(numbered_record(1), value=b"{")
    broker, handler = calm_broker(numbered_record(0), unreadable, numbered_record(2)), TimedHandler({})
    consume(broker, handler, is_needed=lambda record: record.offset != 1)
    assert list(handler.ended) == ["0", "2"]
    assert broker.published == []


def test_the_committed_offset_never_passes_an_unfinished_record() -> None:
    commits: list[tuple[float, int]] = []
    broker = calm_broker(*map(numbered_record, range(4)))
    broker.on_commit = lambda upto: commits.append((asyncio.get_running_loop().time(), upto[P0]))
    handler = TimedHandler({"1": 50.0})
    consume(broker, handler)
    assert all(offset <= 1 for at_s, offset in commits if at_s < handler.ended["1"])
    assert commits[-1][1] == 4


@pytest.mark.parametrize(
    ("error", "kind"),
    [(DataError("no such country", kind="schema"), "schema"), (OverflowError("date"), "overflow")],
)
def test_a_record_that_cannot_be_prepared_is_dead_lettered_and_its_key_continues(
    error: Exception, kind: str
) -> None:
    broker, metrics = calm_broker(numbered_record(0, key="a"), numbered_record(1, key="a")), Metrics()
    work = FakeWork()
    consume(broker, TimedHandler({}, {"0": error}), work=work, metrics=metrics)
    assert work.units == [["1"]]
    (letter,) = broker.published
    assert letter.topic == DEAD_LETTERS.name
    assert dict(letter.headers)["baton_error_class"] == kind.encode()
    labels = {"role": "ledger", "topic": PEOPLE_ERASED.name, "kind": kind}
    assert metrics.registry.get_sample_value("baton_dead_letters_total", labels) == 1


def test_a_record_that_cannot_be_decoded_is_dead_lettered_and_never_prepared() -> None:
    broker = calm_broker(numbered_record(0, value=b"{"), numbered_record(1))
    handler, work = TimedHandler({}), FakeWork()
    consume(broker, handler, work=work)
    assert list(handler.began) == ["1"]
    assert [dict(letter.headers)["baton_error_class"] for letter in broker.published] == [b"json"]


def test_outcomes_are_counted_by_type() -> None:
    metrics = Metrics()
    consume(calm_broker(*map(numbered_record, range(3))), TimedHandler({}), metrics=metrics)
    labels = {"role": "ledger", "topic": "baton.person.erased.v1", "outcome": "applied"}
    assert metrics.registry.get_sample_value("baton_records_total", labels) == 3


def test_a_key_that_is_done_is_forgotten() -> None:
    """The order per key is kept in memory, and there are as many keys as leads."""

    async def main() -> None:
        stop = asyncio.Event()
        broker = calm_broker(*map(numbered_record, range(5)))
        deps = await consumer_deps(broker, FakeWork(), limits=ConsumerLimits())
        consumer = ConcurrentConsumer(deps, cast("Handler", TimedHandler({})), lambda event: event.key)
        running = asyncio.create_task(consumer.run(stop))
        while broker.committed[P0] < 5:
            await asyncio.sleep(0.1)
        assert consumer._last_of_key == {}
        stop.set()
        await running

    run_in_virtual_time(main(), at_most_s=100)

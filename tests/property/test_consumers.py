"""Properties of the two consumers, under delays, lost acknowledgements, rebalances and crashes.

* The effects of the records of one key happen in the order of the records.
* Every record has its effect exactly once, and every effect is published; what cannot be decided is
  dead-lettered, and nothing else is.
* No offset is committed past a record whose effect is not durable, and published or in the outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import msgspec
import pytest
import structlog
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared.errors import DataError, Retry
from shared.health import Health
from shared.lead.events.envelope import Event
from shared.messaging.manifest import DEAD_LETTERS, PEOPLE_ERASED
from shared.messaging.port import Outgoing, Partition, Record
from shared.observability.metrics import Metrics
from shared.worker.batch_consumer import BatchConsumer
from shared.worker.concurrent_consumer import ConcurrentConsumer
from shared.worker.consumer import ConsumerDeps, ConsumerLimits, ConsumerLoop
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome
from shared.worker.handler import Handler
from shared.worker.outbox import Outbox
from shared.worker.partition_breaker import PartitionBreaker
from shared.worker.unit_of_work import Result
from tests.support.fixed_clock import FixedClock
from tests.support.simulated_stream import SimulatedBroker
from tests.support.virtual_time import run_in_virtual_time

AT = datetime(2026, 3, 2, tzinfo=UTC)
EFFECTS = "effects"
PARTITIONS = 3
RECORDS = 60


def record(partition: int, offset: int, key: str, *, unreadable: bool) -> Record:
    value = b"{" if unreadable else b'{"lead_ids":[],"email_hash":"","at":"2026-03-02T00:00:00Z"}'
    id_ = f"{partition}/{offset}".encode()
    headers = [("ce_id", id_), ("ce_source", b"/baton/gateway"), ("ce_type", b"baton.person.erased.v1")]
    return Record(PEOPLE_ERASED.name, partition, offset, key.encode(), value, headers, 0)


class SimulatedDatabase:
    """Claims, effects and outbox rows that change together; and the work and the outbox of a role on it."""

    def __init__(self, broker: SimulatedBroker, poison: frozenset[str]) -> None:
        self._broker = broker
        self._poison = poison
        self.effects: dict[str, list[str]] = defaultdict(list)
        self.claims: set[str] = set()
        self.rows: dict[int, list[Outgoing]] = {}
        self._next_row = 0

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        if self._broker.random.random() < 0.7:  # else without a pause, the hardest case for the order
            await self._broker.delay(0.05)
        if self._broker.unlucky(0.02):
            raise Retry("the database is away")
        result = self._commit(events)
        if self._broker.unlucky(0.02):
            raise Retry("committed, but the answer is lost")
        await self._broker.delay(0.02)
        return result

    def _commit(self, events: Sequence[Event[Any]]) -> Result:
        result = Result()
        for event in events:
            if event.id in self._poison:
                result.rejected.append((event, DataError("poison", kind="test")))
            elif event.id in self.claims:
                result.outcomes.append((event, Outcome.UNCHANGED))
            else:
                self.claims.add(event.id)
                self.effects[event.key].append(event.id)
                result.outcomes.append((event, Outcome.APPLIED))
                result.outgoing.append(Outgoing(EFFECTS, event.key.encode(), event.id.encode()))
        if result.outgoing:
            self._next_row += 1
            self.rows[self._next_row] = result.outgoing
            result.outbox_ids = [self._next_row]
        return result

    async def delete(self, ids: Sequence[int]) -> None:
        await self._broker.delay(0.01)
        if self._broker.unlucky(0.02):
            raise Retry("the database is away")
        for row in ids:
            self.rows.pop(row, None)

    async def publish_orphans(self, partitions: Iterable[int]) -> int:
        rows = dict(self.rows)
        await self._broker.delay(0.02)
        for row, records in rows.items():
            self._broker.published += records
            self.rows.pop(row, None)
        return len(rows)


class SlowHandler:
    """Prepares for a while, and then refuses the events in `refused`."""

    role = "ledger"
    claimed = frozenset[str]()

    def __init__(self, broker: SimulatedBroker, refused: frozenset[str]) -> None:
        self._broker = broker
        self._refused = refused

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        await self._broker.delay(self._broker.random.choice([0.0, 0.01, 0.5, 2.0]))
        if event.id in self._refused:
            raise DataError("poison", kind="test")
        return msgspec.structs.replace(event, traceparent="")


class Simulation:
    """A broker, a database, and at any time two members of the group that run a consumer."""

    def __init__(self, seed: int, *, window: bool) -> None:
        self.random = Random(seed)
        self.window = window
        self.broker = SimulatedBroker(self.random, PEOPLE_ERASED.name, PARTITIONS)
        self.expected: dict[str, list[str]] = defaultdict(list)
        self.bad: set[str] = set()
        poison: set[str] = set()
        for partition, log in self.broker.log.items():
            for offset in range(self.random.randrange(RECORDS)):
                key, fate, id_ = f"{partition.number}-{self.random.randrange(4)}", self.random.random(), ""
                id_ = f"{partition.number}/{offset}"
                log.append(record(partition.number, offset, key, unreadable=fate < 0.05))
                if fate < 0.1:
                    self.bad.add(id_)
                    poison |= {id_} if fate >= 0.05 else set()
                else:
                    self.expected[key].append(id_)
        self.refused = frozenset(id_ for id_ in poison if self.window and self.random.random() < 0.5)
        self.database = SimulatedDatabase(self.broker, frozenset(poison))
        self.broker.on_commit = self.check_commit
        self._consumers: list[tuple[ConsumerLoop, asyncio.Task[None]]] = []
        self._stop = asyncio.Event()

    def check_commit(self, upto: Mapping[Partition, int]) -> None:
        stored = (out for row in self.database.rows.values() for out in row)
        safe = {
            (out.value or b"").decode() for out in (*self.broker.published, *stored) if out.topic == EFFECTS
        }
        set_aside = self.set_aside()
        for partition, offset in upto.items():
            assert offset >= self.broker.committed[partition], "a commit went back"
            for passed in range(offset):
                id_ = f"{partition.number}/{passed}"
                assert id_ in (set_aside if id_ in self.bad else safe), f"{id_} was passed by a commit"

    def set_aside(self) -> set[str]:
        letters = (out for out in self.broker.published if out.topic == DEAD_LETTERS.name)
        return {(dict(letter.headers)["ce_id"] or b"").decode() for letter in letters}

    async def consumer(self) -> ConsumerLoop:
        sink = await self.broker.sink()
        clock = FixedClock(AT)
        deps = ConsumerDeps(
            role="ledger",
            topics=(PEOPLE_ERASED.name,),
            stream=self.broker,
            sink=sink,
            work=self.database,
            dead_letters=DeadLetters("ledger", sink, clock),
            health=Health(),
            metrics=Metrics(),
            # So sensitive that it opens in many runs: paused partitions are read to their end too.
            breaker=PartitionBreaker(window=10, share_max_percent=15, probe_every_s=0.5),
            outbox=cast("Outbox", self.database),
            limits=ConsumerLimits(
                batch=8,
                batches_in_flight=2,
                units_at_once=self.random.choice((1, 2)),
                records_in_flight=6,
                commit_every_s=0.1,
                drain_s=3.0,
            ),
        )
        if not self.window:
            return BatchConsumer(deps)
        handler = cast("Handler", SlowHandler(self.broker, self.refused))
        return ConcurrentConsumer(deps, handler, order_key=lambda event: event.key)

    async def start(self) -> None:
        self._stop.clear()
        consumers = [await self.consumer() for _ in range(2)]
        self._consumers = [
            (consumer, asyncio.create_task(consumer.run(self._stop))) for consumer in consumers
        ]

    async def crash(self) -> None:
        """All members die at once, without a word."""
        for member in list(self.broker.members):
            self.broker.forget(member)
        for _consumer, task in self._consumers:
            task.cancel()
        for _consumer, task in self._consumers:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def leave(self) -> None:
        self._stop.set()
        for _consumer, task in self._consumers:
            await task

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            for _consumer, task in self._consumers:
                if task.done():
                    task.result()
            await asyncio.sleep(0.1)

    def all_committed(self) -> bool:
        return all(self.broker.committed[partition] == len(log) for partition, log in self.broker.log.items())


async def simulate(seed: int, *, window: bool) -> None:
    world = Simulation(seed, window=window)
    await world.start()
    for _ in range(world.random.randrange(12)):
        await world.broker.delay(1.0)
        if world.random.random() < 0.2:
            await world.crash()
            await world.start()
        else:
            await world.broker.move_one()
    if world.random.random() < 0.3:
        await world.leave()
        await world.start()
    world.broker.calm = True
    await world.until(world.all_committed)
    await world.leave()
    await world.start()  # whoever starts again publishes what was left
    await world.until(lambda: not world.database.rows)
    await world.leave()
    assert world.database.effects == world.expected
    assert world.set_aside() == world.bad
    published = {(out.value or b"").decode() for out in world.broker.published if out.topic == EFFECTS}
    assert published == {id_ for ids in world.expected.values() for id_ in ids}


@pytest.fixture(autouse=True)
def _quiet() -> Iterable[None]:
    with structlog.testing.capture_logs():
        yield


@settings(max_examples=80, phases=[Phase.generate])  # a seed cannot be made smaller
@given(st.integers(0, 2**32))
def test_the_batch_consumer_processes_every_record_once_and_in_order(seed: int) -> None:
    run_in_virtual_time(simulate(seed, window=False), at_most_s=600)


@settings(max_examples=80, phases=[Phase.generate])  # a seed cannot be made smaller
@given(st.integers(0, 2**32))
def test_the_concurrent_consumer_processes_every_record_once_and_in_order(seed: int) -> None:
    run_in_virtual_time(simulate(seed, window=True), at_most_s=600)

"""The unit of work, its outbox and its timers on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, text

from services.tables import metadata
from shared.errors import Crash, DataError, Retry
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event, decode
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.ids import partition_of
from shared.messaging.port import Ack, Outgoing, Record
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put, Remove, Row
from shared.worker.decision import Outcome
from shared.worker.outbox import Outbox
from shared.worker.rows import InputRow, TimerRow, TombstoneRow
from shared.worker.tables import inputs, outbox, timers
from shared.worker.timers import LEASE, Timers
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.fixed_clock import FixedClock
from tests.support.toy_role import (
    ACTION,
    COUNT_MAX,
    KIND,
    PARTITIONS,
    ROLE,
    CounterRow,
    ToyHandler,
    ToyStore,
)

pytestmark = pytest.mark.usefixtures("toy_table")

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class FakeSink:
    """Keeps what is sent; away on demand."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.away = False

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        if self.away:
            raise Retry("the broker is away")
        self.sent += out
        return asyncio.sleep(0)

    async def close(self) -> None:
        return None


class Toy:
    """The toy role on a database, without a stream."""

    def __init__(self, database: Database) -> None:
        self.clock = FixedClock(AT)
        self.database = database
        self.sink = FakeSink()
        self.outbox = Outbox(ROLE, database, self.sink, self.clock, partitions=PARTITIONS)
        self.timers = Timers(ROLE, database, self.clock)
        self.work = UnitOfWork(
            ToyHandler(), ToyStore(), database, self.outbox, self.clock, keyed_hash=lambda subject: subject
        )

    async def run(self, *events: Event[Any]) -> Result:
        return await self.work.run(events)

    async def counters(self) -> dict[str, int]:
        async with self.database.read() as tx:
            found = (await tx.execute(select(metadata.tables["toy_counters"]))).mappings()
            return {row["lead_id"]: row["count"] for row in found}

    async def put(self, *rows: Row) -> None:
        async with self.database.begin() as tx:
            world = IdentityMap()
            world.apply(Put(row) for row in rows)
            await tx.write(world)

    async def outbox_partitions(self) -> list[int]:
        async with self.database.read() as tx:
            found = await tx.execute(select(outbox.c.partition).order_by(outbox.c.partition))
            return list(found.scalars())

    async def claimed(self) -> set[str]:
        async with self.database.read() as tx:
            return set((await tx.execute(select(inputs.c.id))).scalars())


@pytest.fixture
def toy(database: Database) -> Toy:
    return Toy(database)


def action(id_: str, lead_id: str = "lead", **more: Any) -> Event[ActionReceivedV1]:
    data = ActionReceivedV1(lead_id=lead_id, type="accept", **more)
    return Event(id=id_, source="/test", type=ACTION, subject=lead_id, time=AT, data=data)


def outcomes(result: Result) -> list[tuple[str, Outcome]]:
    return [(event.id, outcome) for event, outcome in result.outcomes]


def rejected(result: Result) -> list[str]:
    return [event.id for event, _error in result.rejected]


def counts_emitted(result: Result) -> list[tuple[str, str]]:
    """Return what was said, in order: lead and its count."""
    events = [decode(Record(out.topic, 0, 0, out.key, out.value, out.headers, 0)) for out in result.outgoing]
    return [(event.subject, event.data.reason) for event in events]


async def test_an_input_counts_once_within_a_unit_and_across_units(toy: Toy) -> None:
    first = await toy.run(action("1"), action("1"), action("2"))
    assert outcomes(first) == [("1", Outcome.APPLIED), ("1", Outcome.UNCHANGED), ("2", Outcome.APPLIED)]
    second = await toy.run(action("2"), action("3"))
    assert outcomes(second) == [("2", Outcome.UNCHANGED), ("3", Outcome.APPLIED)]
    assert counts_emitted(first) + counts_emitted(second) == [("lead", "1"), ("lead", "2"), ("lead", "3")]
    assert await toy.counters() == {"lead": 3}


async def test_a_rejected_event_leaves_no_trace_and_can_be_repeated(toy: Toy) -> None:
    result = await toy.run(action("1"), action("2", reason="boom"), action("3"))
    assert rejected(result) == ["2"]
    assert await toy.claimed() == {"1", "3"}
    assert outcomes(await toy.run(action("2"))) == [("2", Outcome.APPLIED)]
    assert await toy.counters() == {"lead": 3}


async def test_a_refused_event_is_isolated_and_the_others_keep_their_order(toy: Toy) -> None:
    bad = {3, 4, 11, 19}
    events = [action(f"{n}", f"lead-{n % 3}", reason="refused" if n in bad else None) for n in range(20)]
    result = await toy.run(*events, action("20", reason="boom"))
    assert rejected(result) == ["3", "4", "11", "19", "20"]
    assert outcomes(result) == [(f"{n}", Outcome.APPLIED) for n in range(20) if n not in bad]
    running: Counter[str] = Counter()
    expected = []
    for n in (n for n in range(20) if n not in bad):
        running[f"lead-{n % 3}"] += 1
        expected.append((f"lead-{n % 3}", str(running[f"lead-{n % 3}"])))
    assert counts_emitted(result) == expected
    assert await toy.counters() == running
    assert await toy.claimed() == {f"{n}" for n in range(20) if n not in bad}


@pytest.mark.parametrize("count", [COUNT_MAX, 2**40, 2**70])
async def test_a_value_out_of_bounds_is_a_data_error(toy: Toy, count: int) -> None:
    with pytest.raises(DataError):
        await toy.put(CounterRow("lead", count, ""))


async def test_text_that_the_database_cannot_store_is_a_data_error(toy: Toy) -> None:
    with pytest.raises(DataError):
        await toy.put(CounterRow("lead", 1, "\ud800"))
    result = await toy.run(action("1", reason="a\0b"), action("2", "other"))
    assert rejected(result) == (["1"] if toy.database.dialect == "postgresql" else [])
    assert (await toy.run(action("3", "a\0b"))).rejected or toy.database.dialect == "sqlite"


async def test_a_statement_that_is_wrong_is_a_crash(toy: Toy) -> None:
    with pytest.raises(Crash):
        async with toy.database.begin() as tx:
            await tx.execute(text("select * from nowhere"))


async def test_a_row_that_another_inserted_first_is_a_retry(toy: Toy) -> None:
    await toy.put(CounterRow("lead", 1, ""))
    with pytest.raises(Retry):
        await toy.put(CounterRow("lead", 1, ""))
    await toy.put(InputRow("1", "/test", ROLE, "applied", "lead", AT))
    with pytest.raises(Retry):
        await toy.put(InputRow("1", "/test", ROLE, "applied", "lead", AT))


async def insist(toy: Toy, events: Sequence[Event[Any]]) -> Result:
    while True:
        try:
            return await toy.work.run(events)
        except Retry:
            await asyncio.sleep(0.02)


async def test_units_that_run_at_once_on_the_same_rows_lose_no_update(toy: Toy) -> None:
    """The leads are new: who comes second to insert one tries again and finds it."""
    units = [[action(f"{unit}-{n}", f"lead-{n % 3}") for n in range(6)] for unit in range(8)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(insist(toy, unit) for unit in units))
    assert await toy.counters() == {"lead-0": 16, "lead-1": 16, "lead-2": 16}
    every = sorted(pair for result in results for pair in counts_emitted(result))
    assert every == sorted((f"lead-{n}", str(count)) for n in range(3) for count in range(1, 17))


async def test_the_same_inputs_at_once_count_once(toy: Toy) -> None:
    unit = [action(f"{n}", f"lead-{n % 2}") for n in range(4)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(insist(toy, unit) for _ in range(4)))
    assert await toy.counters() == {"lead-0": 2, "lead-1": 2}
    assert sum(len(result.outgoing) for result in results) == 4


# The outbox


LEADS = {partition_of(f"lead-{n}".encode(), PARTITIONS): f"lead-{n}" for n in range(20)}


async def test_the_outbox_has_one_row_per_partition_until_it_is_deleted(toy: Toy) -> None:
    result = await toy.run(*(action(f"{lead}-{n}", lead) for n in range(3) for lead in LEADS.values()))
    assert await toy.outbox_partitions() == [0, 1, 2]
    await toy.outbox.delete(result.outbox_ids)
    assert await toy.outbox_partitions() == []


async def test_a_unit_that_emits_nothing_has_no_outbox_row(toy: Toy) -> None:
    await toy.run(action("1"))
    again = await toy.run(action("1"))
    assert again.outbox_ids == []
    assert len(await toy.outbox_partitions()) == 1


async def test_orphans_of_a_partition_are_published_in_order_and_deleted(toy: Toy) -> None:
    first = await toy.run(*(action(f"a-{lead}", lead) for lead in LEADS.values()))
    second = await toy.run(*(action(f"b-{lead}", lead) for lead in LEADS.values()))
    assert await toy.outbox.publish_orphans({1}) == 2
    assert [out.key for out in toy.sink.sent] == [LEADS[1].encode()] * 2
    assert await toy.outbox_partitions() == [0, 0, 2, 2]
    assert await toy.outbox.publish_orphans({0, 1, 2}) == 4
    assert sorted(map(str, toy.sink.sent)) == sorted(map(str, first.outgoing + second.outgoing))
    assert await toy.outbox_partitions() == []


async def test_many_orphans_are_all_published(toy: Toy) -> None:
    for n in range(120):
        await toy.run(action(f"{n}", LEADS[0]))
    assert await toy.outbox.publish_orphans({0}) == 120
    assert counts_emitted(Result(outgoing=toy.sink.sent)) == [(LEADS[0], str(n)) for n in range(1, 121)]


async def test_rows_stay_in_the_outbox_when_publishing_fails(toy: Toy) -> None:
    await toy.run(action("1", LEADS[0]))
    toy.sink.away = True
    with pytest.raises(Retry):
        await toy.outbox.publish_orphans({0})
    assert await toy.outbox_partitions() == [0]
    toy.sink.away = False
    assert await toy.outbox.publish_orphans({0}) == 1


async def test_the_sweep_publishes_rows_older_than_its_limit(toy: Toy) -> None:
    await toy.run(action("1", LEADS[0]))
    toy.clock.advance(timedelta(seconds=20))
    await toy.run(action("2", LEADS[1]))
    toy.clock.advance(timedelta(seconds=15))
    assert await toy.outbox.sweep(timedelta(seconds=30)) == 1
    assert await toy.outbox_partitions() == [1]


async def test_a_role_publishes_only_its_own_outbox_rows(toy: Toy) -> None:
    await toy.run(action("1", LEADS[0]))
    other = Outbox("other", toy.database, toy.sink, toy.clock, partitions=PARTITIONS)
    assert await other.publish_orphans({0, 1, 2}) == 0
    assert await toy.outbox_partitions() == [0]


# Timers


async def test_a_timer_fires_when_it_is_due_and_ends_when_it_is_decided(toy: Toy) -> None:
    await toy.run(action("1", until=AT + timedelta(hours=1)))
    assert not await toy.timers.lease_due(10)
    toy.clock.advance(timedelta(hours=1))
    fired = await toy.timers.lease_due(10)
    result = await toy.run(*fired)
    assert counts_emitted(result) == [("lead", "2")]
    toy.clock.advance(LEASE * 2)
    assert not await toy.timers.lease_due(10)


async def test_a_leased_timer_is_not_leased_again_before_its_lease_ends(toy: Toy) -> None:
    await toy.put(TimerRow("lead", ROLE, KIND, AT))
    assert len(await toy.timers.lease_due(10)) == 1
    assert not await toy.timers.lease_due(10)
    toy.clock.advance(LEASE)
    assert len(await toy.timers.lease_due(10)) == 1


async def test_a_timer_that_was_decided_or_moved_meanwhile_is_superseded(toy: Toy) -> None:
    await toy.put(TimerRow("lead", ROLE, KIND, AT))
    (late,) = await toy.timers.lease_due(10)
    await toy.run(action("1", until=AT + timedelta(days=1)))
    assert [outcome for _event, outcome in (await toy.run(late)).outcomes] == [Outcome.SUPERSEDED]
    toy.clock.advance(timedelta(days=1))
    (due,) = await toy.timers.lease_due(10)
    assert [outcome for _, outcome in (await toy.run(due, due)).outcomes] == [
        Outcome.APPLIED,
        Outcome.SUPERSEDED,
    ]
    assert [outcome for _, outcome in (await toy.run(due)).outcomes] == [Outcome.SUPERSEDED]
    assert await toy.counters() == {"lead": 2}


async def test_at_most_the_limit_is_leased_the_earliest_due_first(toy: Toy) -> None:
    for n, kind in enumerate(["a", "b", "c"]):
        for lead in ("x", "y"):
            await toy.put(TimerRow(lead, ROLE, kind, AT - timedelta(minutes=10 - n)))
    await toy.put(TimerRow("x", "other", "a", AT - timedelta(hours=1)))
    taken = [event.data for event in await toy.timers.lease_due(3)]
    assert [timer.kind for timer in taken] == ["a", "a", "b"]
    async with toy.database.read() as tx:
        leased = await tx.execute(select(func.count()).where(timers.c.leased_until.is_not(None)))
        assert leased.scalar_one() == 3
    rest = [event.data for event in await toy.timers.lease_due(10)]
    assert [timer.kind for timer in rest] == ["b", "c", "c"]


async def test_concurrent_leases_share_the_timers(toy: Toy) -> None:
    await toy.put(*(TimerRow(f"lead-{n}", ROLE, KIND, AT) for n in range(40)))
    async with asyncio.timeout(30):
        taken = await asyncio.gather(*(toy.timers.lease_due(10) for _ in range(4)))
        late = await toy.timers.lease_due(40)
    subjects = [event.subject for events in (*taken, late) for event in events]
    assert sorted(subjects) == sorted(f"lead-{n}" for n in range(40))


# Erasure


def erasure(*lead_ids: str) -> Event[PersonErasedV1]:
    data = PersonErasedV1(lead_ids=list(lead_ids), email_hash="9f", at=AT)
    return Event(id="e", source="/test", type="baton.person.erased.v1", subject="", time=AT, data=data)


async def test_an_erased_lead_is_removed_and_its_older_events_are_superseded(toy: Toy) -> None:
    await toy.run(action("1"), action("2", "other"))
    result = await toy.run(erasure("lead"), action("3"), action("4", "other"))
    assert outcomes(result) == [
        ("e", Outcome.APPLIED),
        ("3", Outcome.SUPERSEDED),
        ("4", Outcome.APPLIED),
    ]
    assert await toy.counters() == {"other": 2}
    assert outcomes(await toy.run(action("5"))) == [("5", Outcome.SUPERSEDED)]
    anew = replace(action("6"), time=AT + timedelta(seconds=1))
    assert outcomes(await toy.run(anew)) == [("6", Outcome.SUPERSEDED)]  # an action is no contact
    async with toy.database.begin() as tx:
        rows = IdentityMap(await tx.load(TombstoneRow, "hash", ["lead"], role=ROLE))
        rows.apply([Put(TombstoneRow("lead", ROLE, AT, returned=True))])
        await tx.write(rows)
    assert outcomes(await toy.run(replace(anew, id="7"))) == [("7", Outcome.APPLIED)]
    assert await toy.counters() == {"lead": 1, "other": 2}


async def test_inserts_updates_and_deletes_are_written(toy: Toy) -> None:
    """A row that came and went leaves nothing; one that went and came again is updated."""
    await toy.put(CounterRow("a", 1, ""))
    async with toy.database.begin() as tx:
        world = IdentityMap(await tx.load(CounterRow, "lead_id", ["a", "b"], lock=True))
        world.apply(
            [
                Put(CounterRow("b", 1, "")),
                Remove(CounterRow, ("b",)),
                Remove(CounterRow, ("a",)),
                Put(CounterRow("a", 7, "")),
            ]
        )
        await tx.write(world)
    assert await toy.counters() == {"a": 7}

"""One owner per lead and one credit per assignment, with several routers on one database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, text

from services.enricher.domain.record import LeadRow
from services.enricher.tables import lead_aliases
from services.gateway.tables import rep_availability
from services.router.domain.dispatch import assign_waiting_timer
from services.router.domain.parked_outcomes import ParkedOutcomesRow
from services.router.domain.state import AssignmentRow, RepQueueRow, RoutedLeadRow
from services.router.handlers import LiveRouterHandler
from services.router.policy import RoutingPolicy, routing_policy_of
from services.router.queries import lock_rep_queues, longest_waiting
from services.router.recurring_timer import ensure_timer
from services.router.storage import RouterStore
from services.router.tables import assignments, parked_outcomes, rep_queues, routed_leads
from shared.errors import Retry
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.messaging.port import Ack, Outgoing
from shared.policy.per_version import PerVersion
from shared.storage.database import Database
from shared.storage.keyset import Cursor
from shared.storage.rows import IdentityMap, Put
from shared.worker.outbox import Outbox
from shared.worker.rows import TimerRow
from shared.worker.tables import timers as timers_table
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.databases import create_tables
from tests.support.fixed_clock import FixedClock
from tests.support.routing_policies import default_routing_policy, queue, rep, routing_policy_with
from tests.support.scored_leads import AT, event_of, lead_id, scored_event, scored_lead

PARTITIONS = 6


class NoSink:
    """Nothing is published here: what matters is in the tables."""

    async def send(self, out: list[Outgoing]) -> Ack:
        raise NotImplementedError

    async def close(self) -> None: ...


def router(
    database: Database,
    plan: RoutingPolicy | PerVersion[RoutingPolicy],
    clock: FixedClock,
    failpoint: Any = lambda _name: None,
) -> UnitOfWork:
    outbox = Outbox("router", database, NoSink(), clock, partitions=PARTITIONS)  # type: ignore[arg-type]
    plans = plan if isinstance(plan, PerVersion) else PerVersion(lambda: plan.compiled, routing_policy_of)
    handler = LiveRouterHandler(plans)
    store = RouterStore(lambda: plans.current)
    return UnitOfWork(handler, store, database, outbox, clock, keyed_hash=_hashed, failpoint=failpoint)


def _hashed(subject: str) -> str:
    return f"hash of {subject}"[:64]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
async def unit(database: Database, clock: FixedClock) -> UnitOfWork:
    await ensure_timer(database, assign_waiting_timer(AT))
    return router(database, default_routing_policy(), clock)


async def rows(database: Database, kind: Any, table: Any) -> list[Any]:
    async with database.read() as tx:
        return [kind(*tuple(row)) for row in await tx.execute(select(table))]


async def check_ownership(database: Database) -> list[AssignmentRow]:
    """Check the invariants over the tables; return the assignments."""
    all_assignments: list[AssignmentRow] = await rows(database, AssignmentRow, assignments)
    owners = Counter(assignment.lead_id for assignment in all_assignments if assignment.active)
    assert not owners or max(owners.values()) == 1
    given = Counter((assignment.queue, assignment.rep) for assignment in all_assignments)
    held = Counter((assignment.queue, assignment.rep) for assignment in all_assignments if assignment.active)
    rotation: list[RepQueueRow] = await rows(database, RepQueueRow, rep_queues)
    assert {place.key: place.credits for place in rotation} == {
        place.key: given[place.key] for place in rotation
    }
    assert {place.key: place.open_leads for place in rotation} == {
        place.key: held[place.key] for place in rotation
    }
    assert sum(place.credits for place in rotation) == len(all_assignments)
    return all_assignments


def emitted_types(result: Result) -> list[str]:
    return [dict(out.headers)["ce_type"].decode() for out in result.outgoing]  # type: ignore[union-attr]


async def test_a_lead_is_assigned_escalated_and_won_in_the_tables(unit, database, clock):
    result = await unit.run([scored_event(scored_lead("ana")), scored_event(scored_lead("ben"))])
    assert emitted_types(result) == ["baton.lead.routed.v1"] * 2
    assert (await unit.run([scored_event(scored_lead("ana"))])).outgoing == []

    accept = event_of(ActionReceivedV1(lead_id("ana"), "accept", rep="sdr-1"), id_="a1")
    assert [outcome for _event, outcome in (await unit.run([accept, accept])).outcomes] == [
        "applied",
        "unchanged",
    ]
    clock.advance(timedelta(hours=5))
    due = await Timers("router", database, clock).lease_due(10)
    assert emitted_types(await unit.run(due)) == ["baton.lead.escalated.v1", "baton.lead.reassigned.v1"]
    won = event_of(OutcomeReceivedV1("won", AT, email="ana@kestrel.example"), id_="o1")
    await unit.run([won])
    states = {assignment.lead_id: assignment.state for assignment in await check_ownership(database)}
    assert states[lead_id("ana")] == "won"
    assert [
        assignment.state
        for assignment in await check_ownership(database)
        if assignment.lead_id == lead_id("ben")
    ] == [
        "overdue",
        "open",
    ]


async def test_a_lead_is_found_by_its_alias(unit, database):
    await unit.run([scored_event(scored_lead("ana"))])
    async with database.begin() as tx:
        await tx.execute(lead_aliases.insert(), {"alias_id": lead_id("old"), "lead_id": lead_id("ana")})
    result = await unit.run([event_of(ActionReceivedV1(lead_id("old"), "accept"), id_="a1")])
    assert result.outcomes[0][1] == "applied"


async def test_an_outcome_that_waits_under_an_alias_is_applied_to_the_lead(unit, database):
    told = OutcomeReceivedV1(type="won", at=AT, lead_id=lead_id("old"))
    assert [one for _, one in (await unit.run([event_of(told, id_="o1")])).outcomes] == ["parked"]
    async with database.begin() as tx:
        await tx.execute(lead_aliases.insert(), {"alias_id": lead_id("old"), "lead_id": lead_id("ana")})
    await unit.run([scored_event(scored_lead("ana"))])
    assert [lead.status for lead in await rows(database, RoutedLeadRow, routed_leads)] == ["won"]
    assert await rows(database, ParkedOutcomesRow, parked_outcomes) == []


async def test_the_account_owner_is_found_beyond_the_unit(unit, database, clock):
    """The oldest active assignment of the account decides, whether or not its lead is in hand."""
    for name in ("ana", "ben", "cy"):
        await unit.run([scored_event(scored_lead(name, account="kestrel.example"))])
        clock.advance(timedelta(minutes=1))
    reps = {assignment.rep for assignment in await check_ownership(database)}
    assert reps == {"sdr-1"}
    await unit.run([event_of(ActionReceivedV1(lead_id("ben"), "reassign", to="sdr-3"), id_="a1")])
    lost = event_of(OutcomeReceivedV1("lost", AT, lead_id=lead_id("ana")), id_="o1")
    await unit.run([lost, scored_event(scored_lead("dee", account="kestrel.example"))])
    owner = {
        assignment.lead_id: assignment.rep
        for assignment in await check_ownership(database)
        if assignment.active
    }
    assert owner[lead_id("dee")] == "sdr-1"


async def test_the_people_of_the_account_are_in_the_brief(unit, database):
    enriched = scored_lead("ana", account="kestrel.example")
    row = LeadRow(enriched.lead_id, account="kestrel.example", person=enriched.person)
    rows_ = IdentityMap()
    rows_.apply([Put(row)])
    async with database.begin() as tx:
        await tx.write(rows_)
    await unit.run([scored_event(enriched)])
    ben = scored_lead("ben", account="kestrel.example", person=Person(email="ben@kestrel.example"))
    (record,) = (await unit.run([scored_event(ben)])).outgoing
    brief = msgspec.json.decode(record.value)["brief"]
    assert [(assignment["name"], assignment["title"]) for assignment in brief["stakeholders"]] == [
        ("ben@kestrel.example", None),
        ("Ana", "VP Sales"),
    ]


async def test_a_unit_follows_the_policy_that_is_active_as_it_begins(database, clock):
    """The rows of who is new are made as they are needed, and who has left keeps the row."""
    current = [routing_policy_with([rep("one")], {"sdr": queue("4h")}).compiled]
    plans = PerVersion(lambda: current[0], routing_policy_of)
    work = router(database, plans, clock)
    await work.run([scored_event(scored_lead("ana"))])
    current[0] = routing_policy_with([rep("two"), rep("three")], {"sdr": queue("4h")}).compiled
    await work.run([scored_event(scored_lead("ben")), scored_event(scored_lead("cy"))])
    owners = {assignment.lead_id: assignment.rep for assignment in await check_ownership(database)}
    assert owners == {lead_id("ana"): "one", lead_id("ben"): "three", lead_id("cy"): "two"}
    rotation = await rows(database, RepQueueRow, rep_queues)
    assert {place.rep: place.credits for place in rotation} == {"one": 1, "two": 1, "three": 1}


async def test_waiting_leads_are_assigned_when_a_rep_becomes_available(unit, database, clock):
    async with database.begin() as tx:
        away = [{"rep": rep, "available": False, "updated_at": AT} for rep in default_routing_policy().reps]
        await tx.execute(rep_availability.insert(), away)
    assert emitted_types(await unit.run([scored_event(scored_lead("ana"))])) == ["baton.lead.routed.v1"]
    clock.advance(timedelta(seconds=3))
    timers = Timers("router", database, clock)
    assert emitted_types(await unit.run(await timers.lease_due(10))) == []
    async with database.begin() as tx:
        await tx.execute(rep_availability.update().values(available=True))
    clock.advance(timedelta(seconds=3))
    assert emitted_types(await unit.run(await timers.lease_due(10))) == ["baton.lead.routed.v1"]
    assert [assignment.rep for assignment in await check_ownership(database)] == ["sdr-1"]


async def test_leads_that_nobody_may_have_keep_no_others_waiting(database):
    """The longest waiting are looked at each time, and all others in turn, a bounded number of each queue."""
    waiting = [
        RoutedLeadRow(
            f"{name}-{number:03}", "k.example", 1, 1, 1, "waiting", name, "work", "fits", high_intent=False
        )
        for name, count in (("sdr", 230), ("bdr", 50), ("se", 3))
        for number in range(count)
    ]
    since = {lead.lead_id: AT + timedelta(seconds=number // 4) for number, lead in enumerate(waiting)}
    stored = IdentityMap()
    stored.apply(Put(replace(lead, waiting_since=since[lead.lead_id])) for lead in waiting)
    async with database.begin() as tx:
        await tx.write(stored)
    oldest = {f"sdr-{number:03}" for number in range(50)}
    few = {lead.lead_id for lead in waiting if lead.queue != "sdr"}
    cursors: dict[str, Cursor] = {}
    seen: set[str] = set()
    for _ in range(4):
        async with database.read() as tx:
            found = await longest_waiting(tx, cursors)
        assert found >= oldest | few
        assert len(found) <= 100 + len(few)
        seen |= found
    assert seen == since.keys()
    async with database.read() as tx:
        again = [await longest_waiting(tx, cursors) for _ in range(2)]
    assert {f"sdr-{number:03}" for number in range(100)} <= again[0] | again[1]


async def test_an_erased_person_is_forgotten_and_does_not_come_back(unit, database, clock):
    await unit.run([scored_event(scored_lead("ana"))])
    clock.advance(timedelta(hours=1))
    erased = PersonErasedV1([lead_id("ana")], "hash", clock.now())
    await unit.run([event_of(erased, id_="e1", at=clock.now())])
    again = await unit.run([scored_event(scored_lead("ana", revision=2, sequence=2))])
    assert [outcome for _event, outcome in again.outcomes] == ["superseded"]
    assert await rows(database, RoutedLeadRow, routed_leads) == []
    assert [(assignment.lead_id, assignment.state) for assignment in await check_ownership(database)] == [
        (_hashed(lead_id("ana")), "erased")
    ]


# Several routers


@pytest.mark.postgres
@pytest.mark.timeout(120)
async def test_an_outcome_counts_that_is_decided_while_its_lead_is_routed(postgres_url, clock):
    """Both units of work have looked for the lead, and wait for the rotation; whichever is first, it is won."""
    await create_tables(postgres_url)
    databases = [Database(postgres_url) for _ in range(4)]
    holder, watcher, *others = databases
    plan = routing_policy_with((rep("one"),), {"sdr": queue("4h"), "senior-ae": queue("15m")})
    try:
        await router(holder, plan, clock).run([scored_event(scored_lead("other"))])
        for name in ("ana", "ben", "cy"):
            won = event_of(OutcomeReceivedV1("won", AT, lead_id=lead_id(name)), id_=f"won-{name}")
            events = [scored_event(scored_lead(name)), won]
            async with holder.begin() as tx:
                await lock_rep_queues(tx, [])
                units = (router(database, plan, clock) for database in others)
                tasks = [
                    asyncio.create_task(unit.run([event])) for unit, event in zip(units, events, strict=True)
                ]
                while await _waiting_for_locks(watcher) < len(tasks):
                    await asyncio.sleep(0.01)
            await asyncio.gather(*tasks)
            leads: list[RoutedLeadRow] = await rows(holder, RoutedLeadRow, routed_leads)
            assert {row.lead_id: row.status for row in leads}[lead_id(name)] == "won"
    finally:
        for database in databases:
            await database.close()


async def _waiting_for_locks(database: Database) -> int:
    """Return how many connections to the database wait for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with database.read() as tx:
        return int((await tx.execute(waiting)).scalar_one())


def _busy_day(random_: random.Random, leads: int) -> list[Event[Any]]:
    """Return events about leads of a few accounts: forms, re-scores, moves, and what owners do."""
    events: list[Event[Any]] = []
    for number in range(leads):
        name = f"lead-{number % 40}"
        # Half of them write from free mail: such an account is the lead itself.
        account = lead_id(name) if number % 2 else f"account-{number % 8}.example"
        sequence = 1 + number // 40
        grade = random_.choice(["B3", "A1", "C2", "D4"])
        revision = 1 + sequence // 3
        scored = scored_lead(name, account=account, sequence=sequence, revision=revision, grade=grade)
        events.append(scored_event(scored))
        step = random_.choice(["accept", "reject", "reassign", "won", "lost", None])
        if step in ("won", "lost"):
            told: Any = OutcomeReceivedV1(step, AT, lead_id=lead_id(name))  # type: ignore[arg-type]
        elif step:
            told = ActionReceivedV1(lead_id(name), step)  # type: ignore[arg-type]
        else:
            continue
        events.append(event_of(told, id_=f"step-{number}"))
    return events


@pytest.mark.timeout(120)
async def test_routers_on_the_same_leads_never_assign_twice(database_url, clock):
    """Four routers get the same events in other orders, are cancelled mid-way, and do them again."""
    sdrs = (rep(f"sdr-{number}", weight=50 * number, max_open=9) for number in (1, 2, 3))
    plan = routing_policy_with(
        (*sdrs, rep("ae-1", "senior-ae", "sdr", max_open=6)),
        {"sdr": queue("4h"), "senior-ae": queue("15m", fallback="sdr")},
    )
    # On SQLite the routers are of one process, which has one connection to write with.
    shared = Database(database_url)
    alone = shared.dialect == "postgresql"
    databases = [Database(database_url) if alone else shared for _ in range(4)]
    events = _busy_day(random.Random(7), leads=240)
    try:
        await ensure_timer(databases[0], assign_waiting_timer(AT))
        await asyncio.gather(
            *(
                _restless_router(router(assignment, plan, clock), events, random.Random(number))
                for number, assignment in enumerate(databases)
            )
        )
        every = await check_ownership(databases[0])
        assert len(every) > 40
        async with databases[0].read() as tx:
            decided = (await tx.execute(select(func.count()).select_from(routed_leads))).scalar_one()
        assert decided == 40
        clocks = await rows(databases[0], TimerRow, timers_table)
        open_leads = {
            assignment.lead_id for assignment in every if assignment.active and assignment.state == "open"
        }
        assert {timer.subject for timer in clocks if timer.kind == "sla"} == open_leads
    finally:
        for assignment in {*databases, shared}:
            await assignment.close()


async def _restless_router(work: UnitOfWork, events: list[Event[Any]], random_: random.Random) -> None:
    """Do the events in an order of its own, in batches, some of which are cancelled and done again."""
    events = random_.sample(events, len(events))
    at = 0
    while at < len(events):
        batch = events[at : at + random_.randint(1, 12)]
        task = asyncio.create_task(work.run(batch))
        if random_.random() < 0.3:
            await asyncio.wait({task}, timeout=random_.uniform(0, 0.02))
            task.cancel()
        await asyncio.wait({task})
        if task.cancelled() or isinstance(task.exception(), Retry):
            continue
        task.result()
        at += len(batch)

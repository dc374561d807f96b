"""Limits of reps and leads of those who left, in the tables: what one unit of work stores, the next one reads."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from services.router.domain.dispatch import assign_waiting_timer
from services.router.domain.limits import microseconds
from services.router.domain.state import AssignmentRow, RepRow, RoutedLeadRow
from services.router.policy import RoutingPolicy, routing_policy_of
from services.router.queries import rep_rows
from services.router.recurring_timer import ensure_timer
from services.router.tables import assignments, routed_leads, router_reps
from shared.errors import Retry
from shared.lead.events.action_received import ActionReceivedV1
from shared.policy.compiled import compiled
from shared.policy.load import load
from shared.policy.models import Cap, Manager, Team, Territory
from shared.policy.per_version import PerVersion
from shared.policy.versions import check_policy, put
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.worker.timers import Timers
from tests.integration.test_router import check_ownership, router, rows
from tests.support.fixed_clock import FixedClock
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT, event_of, lead_id, scored_event, scored_lead
from tests.support.scoring_policies import texts_with
from tests.support.statements import statements

QUEUES = {"sdr": queue("4h"), "bdr": queue("8h"), "senior-ae": queue("15m", fallback="sdr")}
HOUR = timedelta(hours=1)
AE = rep("ae", "senior-ae")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


def policy_of(*reps: Any, leaver: str = "reassign", **routing: Any) -> RoutingPolicy:
    managers = (Manager(id="mgr", name="Mona Field"),)
    team = Team(reps=(*reps, AE), managers=managers, leaver=leaver)  # type: ignore[arg-type]
    return routing_policy_with(None, QUEUES, team=team, **routing)


def caps(*given: tuple[int, str]) -> tuple[Cap, ...]:
    return tuple(Cap(count=count, per=per) for count, per in given)


async def owners_of(database: Database) -> Counter[str]:
    found: list[AssignmentRow] = await rows(database, AssignmentRow, assignments)
    return Counter(row.rep for row in found if row.active)


async def test_a_cap_holds_from_unit_to_unit_and_a_new_one_counts_what_was_before(database, clock):
    plan = [policy_of(rep("one", caps=caps((3, "day"))), rep("two"))]
    unit = router(database, PerVersion(lambda: plan[0].compiled, lambda _compiled: plan[0]), clock)
    for number in range(10):
        await unit.run([scored_event(scored_lead(f"p{number}"))])
        clock.advance(timedelta(minutes=1))
    assert await owners_of(database) == {"one": 3, "two": 7}
    assert await rows(database, RepRow, router_reps) == [
        RepRow("one", None, 3, tuple(microseconds(AT + timedelta(minutes=minute)) for minute in (0, 2, 4)))
    ]
    plan[0] = policy_of(rep("one", caps=caps((5, "7d"))), rep("two", caps=caps((7, "day"))))
    for number in range(10, 20):
        await unit.run([scored_event(scored_lead(f"p{number}"))])
    assert await owners_of(database) == {"one": 5, "two": 7}
    await check_ownership(database)


async def test_what_a_rep_got_while_there_were_no_caps_counts_once_there_are_caps_again(database, clock):
    capped = policy_of(rep("one", caps=caps((3, "day"))))
    plan = [capped]
    unit = router(database, PerVersion(lambda: plan[0].compiled, lambda _compiled: plan[0]), clock)
    await ensure_timer(database, assign_waiting_timer(AT))
    await unit.run([scored_event(scored_lead("p0"))])
    plan[0] = policy_of(rep("one"))
    clock.advance(timedelta(seconds=3))
    await unit.run(await Timers("router", database, clock).lease_due(10))
    await unit.run([scored_event(scored_lead("p1")), scored_event(scored_lead("p2"))])
    plan[0] = capped
    await unit.run([scored_event(scored_lead("p3"))])
    assert await owners_of(database) == {"one": 3}
    [row] = await rows(database, RepRow, router_reps)
    assert (row.depth, len(row.assigned)) == (3, 3)


async def test_new_caps_of_many_reps_are_counted_in_few_statements_by_an_index(database):
    names = [f"rep-{number:03}" for number in range(150)]
    given = IdentityMap()
    given.apply(
        Put(
            AssignmentRow(
                f"{name}-{hour}", f"{name}-{hour}", "a.example", "sdr", name, "won", 1, AT + hour * HOUR, None
            )
        )
        for name in names
        for hour in range(4)
    )
    async with database.begin() as tx:
        await tx.write(given)
    with statements() as ran:
        async with database.begin() as tx:
            found = await rep_rows(tx, dict.fromkeys(names, 3))
    latest = tuple(microseconds(AT + hour * HOUR) for hour in (1, 2, 3))
    assert [(row.rep, row.depth, row.assigned) for row in found] == [(name, 3, latest) for name in names]
    reads = [one for one in ran if one[0].lstrip().startswith("SELECT") and "assignments" in one[0]]
    assert len(reads) == 2
    explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    async with database.read() as tx:
        for statement, values in reads:
            plan = await tx._connection.exec_driver_sql(f"{explain} {statement}", values)
            assert "ix_assignments_rep_opened_at" in str(plan.all())
        assert sorted(row.rep for row in await rep_rows(tx, {})) == names


async def test_a_list_of_colleagues_in_several_units_stays_within_the_limits(database, clock):
    unit = router(database, policy_of(rep("one", max_open=7), rep("two", max_open=9)), clock)
    for start in range(0, 40, 8):
        leads = (scored_lead(f"p{number}", account="kestrel.example") for number in range(start, start + 8))
        await unit.run([scored_event(lead) for lead in leads])
    assert await owners_of(database) == {"one": 7, "two": 9}
    waiting = [row for row in await rows(database, RoutedLeadRow, routed_leads) if row.status == "waiting"]
    assert len(waiting) == 40 - 16


async def test_several_routers_never_take_a_rep_above_a_cap(database, clock):
    plan = policy_of(rep("one", caps=caps((5, "day"))), rep("two", caps=caps((6, "day"))))
    units = [router(database, plan, clock) for _ in range(4)]

    async def work(number: int) -> None:
        for start in range(number, 40, 4):
            event = scored_event(scored_lead(f"p{start}"))
            while True:
                try:
                    await units[number].run([event])
                    break
                except Retry:
                    await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(4)))
    assert await owners_of(database) == {"one": 5, "two": 6}


@pytest.mark.parametrize(("leaver", "owner"), [("reassign", "two"), ("manager", "mgr")])
async def test_a_score_of_a_worked_lead_of_a_rep_who_left_needs_no_timer(database, clock, leaver, owner):
    plan = [policy_of(rep("one", manager="mgr"))]
    unit = router(database, PerVersion(lambda: plan[0].compiled, lambda _compiled: plan[0]), clock)
    await unit.run([scored_event(scored_lead("ana"))])
    await unit.run([event_of(ActionReceivedV1(lead_id("ana"), "accept"), id_="a1")])
    plan[0] = policy_of(rep("two"), leaver=leaver)
    await unit.run([scored_event(scored_lead("ana", sequence=2, grade="D4", trigger="decay"))])
    assert await owners_of(database) == {owner: 1}
    await check_ownership(database)


@pytest.mark.parametrize(("leaver", "owner"), [("reassign", "two"), ("manager", "mgr")])
async def test_leads_of_a_rep_who_left_go_to_others_by_the_recurring_timer(database, clock, leaver, owner):
    plan = [policy_of(rep("one", manager="mgr"))]
    unit = router(database, PerVersion(lambda: plan[0].compiled, lambda _compiled: plan[0]), clock)
    await ensure_timer(database, assign_waiting_timer(AT))

    async def tick() -> None:
        clock.advance(timedelta(seconds=3))
        await unit.run(await Timers("router", database, clock).lease_due(10))

    await tick()
    await unit.run([scored_event(scored_lead("ana")), scored_event(scored_lead("ben"))])
    await unit.run([event_of(ActionReceivedV1(lead_id("ana"), "accept"), id_="a1")])
    assert await owners_of(database) == {"one": 2}
    plan[0] = policy_of(rep("two"), leaver=leaver)
    await tick()
    found: list[AssignmentRow] = await rows(database, AssignmentRow, assignments)
    assert {row.lead_id: row.rep for row in found if row.active} == {
        lead_id("ana"): owner,
        lead_id("ben"): "two",
    }
    assert [row.manager for row in await rows(database, RepRow, router_reps)] == ["mgr"]
    await check_ownership(database)


async def test_who_left_is_followed_by_the_newest_manager_even_if_no_process_read_that_version(
    database, clock
):
    """A team that is changed twice within a second: nobody decides by the version in between."""

    def texts(*reps: str) -> dict[str, str]:
        lines = [
            "leaver: manager",
            "managers: [{id: mona, name: Mona}, {id: nina, name: Nina}]",
            "reps:",
            *reps,
        ]
        return {**texts_with(), "team.yaml": "\n".join(lines) + "\n"}

    other = "  - {id: two, name: Two, queues: [sdr, bdr, senior-ae]}"
    one = "  - {id: one, name: One, queues: [sdr, bdr, senior-ae], manager: %s}"
    versions = [texts(one % "mona"), texts(one % "nina", other), texts(other)]
    first, last = (routing_policy_of(compiled(load(files))) for files in (versions[0], versions[2]))
    plan = [first]
    unit = router(database, PerVersion(lambda: plan[0].compiled, lambda _compiled: plan[0]), clock)
    for files in versions:
        async with database.begin() as tx:
            await put(tx, await check_policy(files), by="test", at=AT)
        if files is versions[0]:
            await unit.run([scored_event(scored_lead("ana"))])
            await unit.run([event_of(ActionReceivedV1(lead_id("ana"), "accept"), id_="a1")])
    plan[0] = last
    await unit.run([scored_event(scored_lead("ana", sequence=2, trigger="decay"))])
    assert await owners_of(database) == {"nina": 1}


async def test_a_lead_keeps_its_territory_when_it_goes_to_the_next_rep(database, clock):
    dach = Territory(name="dach", when=Compare("company.employees", Op.EQ, 200), reps=("two", "three"))
    unit = router(database, policy_of(rep("one"), rep("two"), rep("three"), territories=(dach,)), clock)
    await unit.run([scored_event(scored_lead("ana"))])
    [lead] = await rows(database, RoutedLeadRow, routed_leads)
    assert lead.territory == "dach"
    reject = event_of(ActionReceivedV1(lead_id("ana"), "reject", reason="too slow"), id_="r1")
    await unit.run([reject])
    first, second = sorted(await rows(database, AssignmentRow, assignments), key=lambda row: bool(row.active))
    assert {first.rep, second.rep} == {"two", "three"}

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
from services.router.policy import RoutingPolicy
from services.router.recurring_timer import ensure_timer
from services.router.tables import assignments, routed_leads, router_reps
from shared.clock import FixedClock
from shared.errors import Retry
from shared.lead.events.action_received import ActionReceivedV1
from shared.policy.models import Cap, Manager, Team, Territory
from shared.policy.per_version import PerVersion
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.storage.database import Database
from shared.worker.timers import Timers
from tests.integration.test_router import check_ownership, router, rows
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT, event_of, lead_id, scored_event, scored_lead

QUEUES = {"sdr": queue("4h"), "bdr": queue("8h"), "senior-ae": queue("15m", fallback="sdr")}
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

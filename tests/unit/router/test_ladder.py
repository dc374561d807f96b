"""Ladders: what happens step by step while nobody accepts a lead, and what stops or moves the steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.policy import RoutingPolicy
from shared.policy.hours import parse_hours
from shared.policy.models import LadderStep, Manager, Rep, Team
from shared.rules.times import parse_duration
from shared.storage.rows import Put
from tests.support.routing_policies import default_policy, queue, rep, routing_policy_with
from tests.support.scored_leads import AT

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
WRITTEN = ("10m remind", "15m reassign", "45m escalate manager", "2h fallback")
OF_SDR = (rep("one", manager="mona"), rep("two", manager="mona"), rep("three", manager="max"))


def ladder(*written: str) -> tuple[LadderStep, ...]:
    """Steps such as `4h business escalate mona`."""
    steps = []
    for text in written:
        after, _, rest = text.replace(" business", "+business").partition(" ")
        do, _, to = rest.partition(" ")
        steps.append(LadderStep(after=parse_duration(after.replace("+", " ")), do=do, to=to or None))  # type: ignore[arg-type]
    return tuple(steps)


def policy_of(*reps: Rep, steps: tuple[str, ...] = WRITTEN, **routing: Any) -> RoutingPolicy:
    team = Team(reps=reps or (*OF_SDR, rep("bea", "bdr")), managers=(Manager(id="mona", name="Mona"),))
    sdr = queue("4h", ladder=ladder(*steps), fallback="bdr")
    others = {"bdr": queue("1h"), "senior-ae": queue("15m", fallback="sdr")}
    return routing_policy_with(team=team, queues={"sdr": sdr, **others}, **routing)


def told(router: Any) -> list[tuple[str, str | None, str | None]]:
    """The events so far but the routing: type, step or reason, and owner or who is told."""
    found = []
    for type_, data in router.history:
        if type_ == "lead.escalated":
            found.append((data.get("step"), data["decision"]["owner"], data.get("to")))
        elif type_ != "lead.routed":
            found.append((type_, data["reason"], data["decision"]["owner"]))
    return found


def at_minutes(router: Any, *minutes: int) -> None:
    """Advance to these minutes after the first assignment, and fire what is due at each."""
    for minute in minutes:
        router.advance(AT + minute * MINUTE - router.at)


def test_each_step_is_taken_at_its_time(simulate):
    router = simulate(policy_of(rep("one", manager="mona"), rep("bea", "bdr")))
    router.score()
    at_minutes(router, 9)
    assert told(router) == []
    at_minutes(router, 10)
    assert told(router) == [("remind", "one", None)]
    at_minutes(router, 14, 15)  # nobody else is in the queue
    assert told(router)[1:] == [("reassign", "one", None)]
    at_minutes(router, 44, 45)
    assert told(router)[2:] == [("escalate", "one", "mona")]
    at_minutes(router, 119, 120)
    assert told(router)[3:] == [("fallback", "one", None), ("lead.reassigned", "fallback", "bea")]
    assert [row.state for row in router.assignments()] == ["overdue", "open"]
    assert router.sla_due_at() == AT + 3 * HOUR  # the deadline of the other queue, which has no ladder


def test_the_clock_of_a_lead_with_a_ladder_ends_at_its_first_step_that_is_no_reminder(simulate):
    router = simulate(policy_of())
    router.score()
    [(_, routed)] = router.emitted
    assert routed["sla"] == {"accept_by": "2026-03-02T09:15:00Z"}
    assert router.assignments()[0].accept_by == AT + 15 * MINUTE
    assert router.sla_due_at() == AT + 10 * MINUTE


def test_a_ladder_of_reminders_keeps_the_time_to_accept(simulate):
    router = simulate(policy_of(steps=("1h remind", "2h remind")))
    router.score()
    assert router.assignments()[0].accept_by == AT + 4 * HOUR
    at_minutes(router, 60, 120, 240, 1000)
    assert told(router) == [("remind", "one", None)] * 2
    assert router.sla_due_at() is None


def test_every_rep_gets_the_lead_once_with_a_time_of_their_own(simulate):
    """While reminders and reassignments begin anew with each owner, the manager hears of the lead in time."""
    router = simulate(policy_of())
    router.score()
    at_minutes(router, *range(200))
    assert told(router) == [
        ("remind", "one", None),
        ("reassign", "one", None),
        ("lead.reassigned", "sla", "three"),
        ("remind", "three", None),
        ("reassign", "three", None),
        ("lead.reassigned", "sla", "two"),
        ("remind", "two", None),
        ("reassign", "two", None),
        ("escalate", "two", "mona"),
        ("fallback", "two", None),
        ("lead.reassigned", "fallback", "bea"),
        (None, "bea", None),  # an hour later, by the deadline of that queue
    ]
    opened = [row.opened_at for row in router.assignments()]
    assert opened == [AT + minutes * MINUTE for minutes in (0, 15, 30, 120)]


def test_a_rep_is_told_the_next_deadline_even_if_it_is_one_of_the_lead(simulate):
    router = simulate(policy_of(steps=("30m reassign", "40m escalate manager")))
    router.score()
    at_minutes(router, 30)
    [_, (_, reassigned)] = router.emitted
    assert reassigned["sla"] == {"accept_by": "2026-03-02T09:40:00Z"}


def test_a_lead_that_nobody_else_may_have_says_so_of_every_rep(simulate):
    router = simulate(policy_of(rep("one"), rep("two")))
    router.score()
    router.set_available("two", available=False)
    at_minutes(router, 10, 15)
    [(_, escalated)] = router.emitted
    assert escalated["decision"]["reasons"][1] == "nobody else of sdr may have it now, so its owner keeps it"
    assert [(entry["rep"], entry["skipped"]) for entry in escalated["decision"]["considered"]] == [
        ("two", "unavailable")
    ]
    assert (router.owner(), router.sla_due_at()) == ("one", AT + 45 * MINUTE)


def test_accepting_ends_the_ladder(simulate):
    router = simulate(policy_of())
    router.score()
    router.act("accept", rep="one")
    at_minutes(router, *range(0, 200, 5))
    assert told(router) == []


@pytest.mark.parametrize(
    "end",
    [
        lambda router: router.act("reject", rep="one", reason="spam"),
        lambda router: router.score(sequence=2, opted_out=True),
    ],
)
def test_a_lead_that_ends_has_no_ladder(simulate, end):
    router = simulate(policy_of())
    router.score()
    end(router)
    router.history.clear()
    at_minutes(router, *range(0, 200, 5))
    assert told(router) == []


def test_a_lead_that_a_person_moves_begins_the_ladder_anew(simulate):
    router = simulate(policy_of())
    router.score()
    at_minutes(router, 12)
    router.act("reject", rep="one")
    assert router.sla_due_at() == AT + 22 * MINUTE
    at_minutes(router, *range(12, 57))
    assert ("escalate", "two", "mona") not in told(router)
    at_minutes(router, 57)
    assert told(router)[-1] == ("escalate", "two", "mona")


def test_the_ladder_of_a_lead_that_is_nurtured_stops_and_begins_anew_when_it_is_work(simulate):
    rules = tuple(rule for rule in default_policy().routing.rules if rule.name in ("fits", "nurture"))
    router = simulate(policy_of(rules=rules))
    router.score()
    router.score(sequence=2, grade="D4")
    [assignment] = router.assignments()
    assert (assignment.accept_by, assignment.ladder, router.sla_due_at()) == (None, None, None)
    router.at += HOUR
    router.score(sequence=3, grade="B3")
    assert router.sla_due_at() == AT + HOUR + 10 * MINUTE
    assert router.assignments()[0].accept_by == AT + HOUR + 15 * MINUTE


@pytest.mark.parametrize(
    ("snoozed_at", "until", "steps"),
    [
        (5, 60, [60, 90, 165]),  # what came 30 and 105 minutes after the deadline still does
        (12, 14, [14, 44, 119]),
        (20, 100, [None, 100, 175]),  # the next rep is left out: nobody else is in the queue
    ],
)
def test_a_snooze_moves_the_next_deadline_and_the_later_steps_with_it(simulate, snoozed_at, until, steps):
    router = simulate(policy_of(rep("one", manager="mona"), rep("bea", "bdr")))
    router.score()
    at_minutes(router, *range(snoozed_at + 1))
    router.act("snooze", rep="one", until=AT + until * MINUTE)
    assert router.assignments()[0].accept_by == AT + until * MINUTE
    router.history.clear()
    found: dict[str, int] = {}
    for minute in range(snoozed_at + 1, 300):
        at_minutes(router, minute)
        found |= {
            data["step"]: minute
            for type_, data in router.emitted
            if type_ == "lead.escalated" and "step" in data
        }
        router.emitted.clear()
    reassign, escalate, fallback = steps
    expected = {"reassign": reassign, "escalate": escalate, "fallback": fallback}
    assert found == {step: minute for step, minute in expected.items() if minute is not None}


def test_a_snooze_in_business_time_keeps_the_working_time_between_the_steps(simulate):
    office = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 09:00-17:00"), "manager": "mona"}
    steps = ("4h business reassign", "8h business escalate manager")
    router = simulate(policy_of(rep("one", **office), steps=steps))
    router.score()
    assert router.sla_due_at() == AT + 4 * HOUR
    until = datetime.fromisoformat("2026-03-06T16:00Z")  # a Friday
    router.act("snooze", rep="one", until=until)
    assert router.sla_due_at() == until
    router.advance(until - router.at)
    assert router.sla_due_at() == datetime.fromisoformat("2026-03-09T12:00Z")


def test_a_snooze_leaves_out_reminders_before_it_also_where_nothing_else_follows(simulate):
    router = simulate(policy_of(rep("one"), steps=("1h remind", "2h remind")))
    router.score()
    router.act("snooze", rep="one", until=AT + 90 * MINUTE)
    at_minutes(router, 60, 90)
    assert told(router) == []
    at_minutes(router, 120)
    assert told(router) == [("remind", "one", None)]


def test_a_step_in_plain_time_waits_for_an_earlier_one_in_business_time(simulate):
    """Otherwise the later step would count as the earlier one, and be taken twice."""
    office = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 08:00-10:00")}
    router = simulate(policy_of(rep("one", **office), steps=("2h business escalate mona", "3h escalate max")))
    router.score()
    at_minutes(router, 180, 24 * 60 - 1)
    assert told(router) == []
    at_minutes(router, 24 * 60, 48 * 60)
    assert told(router) == [("escalate", "one", "mona"), ("escalate", "one", "max")]


def test_business_time_is_that_of_the_present_owner(simulate):
    tokyo = {"time_zone": "Asia/Tokyo", "hours": parse_hours("Mon-Sun 00:00-24:00")}
    berlin = {"time_zone": "Europe/Berlin", "hours": parse_hours("Mon-Fri 10:00-18:00")}
    steps = ("2h business reassign", "4h business escalate mona")
    router = simulate(policy_of(rep("one", **tokyo), rep("two", **berlin), steps=steps))
    router.score()
    router.advance(2 * HOUR)
    assert router.owner() == "two"
    # Since 09:00 UTC, 10:00 in Berlin, the lead has been in the queue for two working hours of Berlin.
    assert router.sla_due_at() == AT + 4 * HOUR
    [assignment] = [row for row in router.assignments() if row.active]
    assert assignment.accept_by == AT + 4 * HOUR


def test_what_is_overdue_together_after_an_outage_is_taken_once_without_what_it_makes_pointless(simulate):
    router = simulate(policy_of())
    router.score()
    at_minutes(router, 60)
    assert told(router) == [
        ("reassign", "one", None),
        ("lead.reassigned", "sla", "three"),
        ("escalate", "three", "max"),
    ]
    at_minutes(router, 200)
    assert told(router)[3:5] == [("fallback", "three", None), ("lead.reassigned", "fallback", "bea")]


def test_a_lead_waits_in_the_fallback_queue_when_nobody_there_may_have_it(simulate):
    router = simulate(policy_of())
    router.score()
    router.set_available("bea", available=False)
    at_minutes(router, 120)
    assert told(router)[-1] == ("lead.reassigned", "fallback", None)
    lead = router.lead()
    assert (lead.status, lead.queue, router.owner(), router.sla_due_at()) == ("waiting", "bdr", None, None)
    router.set_available("bea", available=True)
    router.assign_waiting()
    assert router.owner() == "bea"


def test_an_owner_without_a_manager_is_escalated_to_nobody_in_particular(simulate):
    router = simulate(policy_of(rep("one"), steps=("5m escalate manager", "6m escalate mona")))
    router.score()
    at_minutes(router, 5, 6)
    assert told(router) == [("escalate", "one", None), ("escalate", "one", "mona")]


def test_an_assignment_from_before_the_ladder_keeps_its_deadline(simulate):
    """As do the timers that an earlier release stored."""
    router = simulate(policy_of(steps=()))
    router.score()
    router.use_policy(policy_of())
    at_minutes(router, *range(0, 240, 5))
    assert told(router) == []
    at_minutes(router, 240)
    assert told(router) == [(None, "one", None), ("lead.reassigned", "sla", "three")]
    assert router.sla_due_at() == AT + 250 * MINUTE  # the reminder of the new owner


def test_a_lead_whose_queue_lost_its_ladder_keeps_its_deadline(simulate):
    router = simulate(policy_of())
    router.score()
    router.use_policy(policy_of(steps=()))
    at_minutes(router, 10)
    assert told(router) == []
    at_minutes(router, 15)
    assert told(router) == [(None, "one", None), ("lead.reassigned", "sla", "three")]


def test_a_step_that_another_policy_puts_off_is_taken_when_it_is_due(simulate):
    router = simulate(policy_of())
    router.score()
    router.use_policy(policy_of(steps=("12m remind", "15m reassign")))
    at_minutes(router, 10)
    assert told(router) == []
    at_minutes(router, 12)
    assert told(router) == [("remind", "one", None)]


def test_the_ladder_of_a_merged_lead_goes_on(simulate):
    router = simulate(policy_of())
    router.score()
    at_minutes(router, 12)
    router.score("ben", merged=["ana"])
    assert router.sla_due_at() is None
    assert router.owner("ben") == "one"
    assert router.sla_due_at("ben") == AT + 15 * MINUTE


def test_who_had_the_lead_in_any_way_is_not_given_it_by_the_ladder(simulate):
    router = simulate(policy_of())
    router.score()
    router.act("reassign", to="two")
    at_minutes(router, 15)
    assert router.owner() == "three"
    at_minutes(router, 30)
    assert router.owner() == "three"


def test_a_timer_that_finds_nothing_due_is_set_again(simulate):
    router = simulate(policy_of())
    router.score()
    timer = next(timer for timer in router.timers() if timer.kind == "sla")
    router.rows.apply([Put(replace(timer, due_at=AT + MINUTE))])
    at_minutes(router, 1)
    assert (told(router), router.sla_due_at()) == ([], AT + 10 * MINUTE)

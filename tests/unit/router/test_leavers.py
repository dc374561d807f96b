"""Leads of a rep who left the team: those that were not accepted, those that were, and those joined."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.router.domain.leavers import LEAVERS_LEADS_MAX
from services.router.domain.state import ActivePolicyRow, RepRow
from services.router.policy import RoutingPolicy
from shared.lead.events.scoring import AccountView
from shared.policy.models import HandOff, Manager, Rep, Team
from shared.storage.rows import Put, Remove
from shared.worker.decision import Outcome
from tests.support.routing_policies import queue, rep, routing_policy_with

QUEUES = {"sdr": queue("4h"), "bdr": queue("8h"), "senior-ae": queue("15m", fallback="sdr")}
MONA = Manager(id="mgr", name="Mona Field")
LEFT = "one left the team"
ACCOUNT = "kestrel.example"


def team_policy(
    *reps: Rep, leaver: str = "reassign", managers: tuple[Manager, ...] = (MONA,), **routing: Any
):
    team = Team(reps=reps, managers=managers, leaver=leaver)  # type: ignore[arg-type]
    return routing_policy_with(None, QUEUES, team=team, **routing)


def before(**given: Any) -> RoutingPolicy:
    return team_policy(rep("one", manager="mgr"), rep("ae", "senior-ae"), **given)


def after(*reps: Rep, **given: Any) -> RoutingPolicy:
    return team_policy(*(reps or (rep("two"), rep("ae", "senior-ae"))), **given)


def of_leaver(simulate: Any, *, accepted: bool, **given: Any) -> Any:
    """A router in which `one` has a lead."""
    router = simulate(before(**given))
    router.score("ana")
    if accepted:
        router.act("accept", "ana")
    return router


def test_a_lead_that_was_not_accepted_is_routed_anew_at_once(simulate):
    router = of_leaver(simulate, accepted=False)
    router.use_policy(after())
    assert router.assign_waiting() is Outcome.APPLIED
    assert router.event_types() == ["lead.routed", "lead.reassigned"]
    assert (router.owner("ana"), router.decision()["change"]) == ("two", "moved")
    assert router.decision()["reasons"][-1] == LEFT
    told = router.emitted[1][1]
    assert (told["previous_owner"], told["reason"], told["brief"] is not None) == ("one", LEFT, True)
    assert [row.state for row in router.assignments("ana")] == ["left", "open"]
    assert router.sla_due_at("ana") == router.at + timedelta(hours=4)
    assert router.assign_waiting() is Outcome.UNCHANGED


def test_it_waits_when_nobody_may_have_it_and_nobody_who_left_keeps_it(simulate):
    router = of_leaver(simulate, accepted=False)
    router.use_policy(after(rep("ae", "senior-ae")))
    router.assign_waiting()
    assert (router.owner("ana"), router.lead("ana").status) == (None, "waiting")
    assert router.event_types() == ["lead.routed", "lead.reassigned"]
    router.use_policy(after())
    router.assign_waiting()
    assert router.owner("ana") == "two"


def test_an_accepted_lead_goes_to_the_next_rep_of_its_queue(simulate):
    router = of_leaver(simulate, accepted=True)
    router.score("ana", grade="D4", sequence=2, trigger="decay")
    router.use_policy(after())
    router.assign_waiting()
    assert router.event_types() == ["lead.reassigned"]
    told = router.emitted[0][1]
    assert (told["previous_owner"], told["reason"]) == ("one", LEFT)
    assert (router.owner("ana"), router.decision()["motion"]) == ("two", "work"), "though its score faded"
    assert router.assignments("ana")[-1].state == "open"


def test_an_accepted_lead_goes_to_the_manager_of_the_rep(simulate):
    router = of_leaver(simulate, accepted=True)
    router.use_policy(after(leaver="manager"))
    router.assign_waiting()
    assert (router.owner("ana"), router.event_types()) == ("mgr", ["lead.reassigned"])
    assert router.assignments("ana")[-1].state == "accepted"
    assert (router.sla_due_at("ana"), "Mona Field" in router.emitted[0][1]["brief"]["markdown"]) == (
        None,
        True,
    )
    # A manager who is no rep keeps the lead, and gets no new ones of the account.
    router.score("ana", revision=2, sequence=3, account="ana.example")
    assert (router.decision()["change"], router.owner("ana")) == ("kept", "mgr")
    router.score("ben", account="ana.example")
    assert router.owner("ben") == "two"
    assert router.act("reassign", "ana", to="two") is Outcome.APPLIED
    assert router.owner("ana") == "two"


@pytest.mark.parametrize("leaver", ["manager", "reassign"])
@pytest.mark.parametrize("is_form", [False, True])
@pytest.mark.parametrize("grade", ["B3", "D4", "A1"])
def test_a_score_before_the_recurring_timer_leads_to_the_same_owner(simulate, leaver, is_form, grade):
    """What becomes of a worked lead of a leaver follows from the policy, not from who is faster."""
    found = []
    given = {"grade": grade, "sequence": 2, "revision": 2 if is_form else 1}
    for is_scored_first in (False, True):
        router = of_leaver(simulate, accepted=True)
        router.use_policy(after(leaver=leaver))
        steps = [router.assign_waiting, lambda: router.score("ana", **given)]  # noqa: B023
        for step in reversed(steps) if is_scored_first else steps:
            step()
        router.assign_waiting()
        rows = [(one.rep, one.state) for one in router.assignments("ana")]
        found.append((rows, [type_ for type_, _ in router.history], router.lead("ana").status))
    assert found[0] == found[1]
    assert [rep_id for rep_id, _state in found[0][0]][:2] == ["one", "mgr" if leaver == "manager" else "two"]


def test_a_score_by_a_policy_that_is_not_active_any_more_leaves_worked_leads_alone(simulate):
    router = of_leaver(simulate, accepted=True)
    router.use_policy(after(leaver="manager"))
    router.rows.apply([Put(ActivePolicyRow("a newer one"))])
    router.score("ana", sequence=2, trigger="decay")
    assert "mgr" not in [one.rep for one in router.assignments("ana")]


def test_a_manager_may_reject_a_lead_of_a_leaver(simulate):
    router = of_leaver(simulate, accepted=True)
    router.use_policy(after(leaver="manager"))
    router.assign_waiting()
    assert router.act("reject", "ana", rep="mgr", reason="too slow") is Outcome.APPLIED
    assert router.owner("ana") == "two"


@pytest.mark.parametrize("manager", ["mgr", None])
def test_without_a_manager_who_is_still_there_the_next_rep_gets_it(simulate, manager):
    router = simulate(team_policy(rep("one", manager=manager), rep("ae", "senior-ae")))
    router.assign_waiting()
    router.score("ana")
    router.act("accept", "ana")
    router.use_policy(after(leaver="manager", managers=()))
    router.assign_waiting()
    assert router.owner("ana") == "two"


def test_the_manager_is_remembered_and_follows_the_policy(simulate):
    router = of_leaver(simulate, accepted=True)
    assert [row.manager for row in router.rows.all(RepRow)] == ["mgr"]
    other = Manager(id="boss", name="Bo")
    router.use_policy(team_policy(rep("one", manager="boss"), rep("ae", "senior-ae"), managers=(MONA, other)))
    router.assign_waiting()
    router.use_policy(after(leaver="manager", managers=(MONA, other)))
    router.assign_waiting()
    assert router.owner("ana") == "boss"


def test_a_lead_of_a_manager_who_left_goes_to_the_next_rep(simulate):
    router = of_leaver(simulate, accepted=True)
    router.use_policy(after(leaver="manager"))
    router.assign_waiting()
    router.use_policy(after(leaver="manager", managers=()))
    router.assign_waiting()
    assert router.owner("ana") == "two"


def test_a_lead_of_a_queue_that_is_gone_too_is_routed_anew(simulate):
    router = simulate(team_policy(rep("one", "bdr"), rep("two"), rep("ae", "senior-ae")))
    router.score("ana", view=AccountView(relation="target", market_validated=True))
    router.act("accept", "ana")
    assert router.owner("ana") == "one"
    queues = {name: settings for name, settings in QUEUES.items() if name != "bdr"}
    rules = [rule for rule in router.handler._policy.compiled.policy.routing.rules if rule.queue != "bdr"]
    team = Team(reps=(rep("two"), rep("ae", "senior-ae")))
    router.use_policy(routing_policy_with(None, queues, team=team, rules=tuple(rules)))
    router.assign_waiting()
    assert (router.owner("ana"), router.lead("ana").queue) == ("two", "sdr")


def test_all_leads_of_a_leaver_go_to_others(simulate):
    count = LEAVERS_LEADS_MAX + 20
    router = simulate(before())
    for number in range(count):
        router.score(f"p{number}")
    router.use_policy(after(rep("two"), rep("three"), rep("ae", "senior-ae")))
    router.assign_waiting()
    owners = [router.owner(f"p{number}") for number in range(count)]
    assert (owners.count("two"), owners.count("three")) == (count // 2, count // 2)


def test_the_next_rep_joins_in_the_place_of_one_who_left(simulate):
    joins = HandOff(joins=("bdr",))
    owner = rep("owner")
    router = simulate(team_policy(owner, rep("one", "bdr"), rep("ae", "senior-ae"), hand_off=joins))
    router.score("ana")
    router.act("accept", "ana")
    router.act("handoff", "ana", to="bdr", notes={"need": "reports"})
    router.use_policy(team_policy(owner, rep("two", "bdr"), rep("ae", "senior-ae"), hand_off=joins))
    router.assign_waiting()
    assert router.event_types() == ["lead.handed_off"]
    assert [(row.rep, row.active) for row in router.assignments("ana")] == [
        ("owner", True),
        ("one", False),
        ("two", True),
    ]


def test_whoever_comes_back_to_the_team_begins_without_the_leads(simulate):
    router = of_leaver(simulate, accepted=False)
    router.use_policy(after())
    router.assign_waiting()
    router.use_policy(team_policy(rep("one"), rep("two"), rep("ae", "senior-ae")))
    router.assign_waiting()
    assert router.owner("ana") == "two"


def test_a_policy_that_is_not_active_any_more_says_nothing_about_who_left(simulate):
    """Another process has loaded the newer one already, and knows the rep whom this one lacks."""
    router = of_leaver(simulate, accepted=False)
    router.use_policy(after())
    router.rows.apply([Put(ActivePolicyRow("a newer one"))])
    assert router.assign_waiting() is Outcome.UNCHANGED
    assert router.owner("ana") == "one"
    router.rows.apply([Remove(ActivePolicyRow, ("a newer one",)), Put(ActivePolicyRow(after().version))])
    router.assign_waiting()
    assert router.owner("ana") == "two"

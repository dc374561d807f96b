from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.router.policy import RoutingPolicy
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.scoring import AccountView
from shared.policy.hours import parse_hours
from shared.policy.models import HandOff
from shared.worker.decision import Outcome
from shared.worker.rows import TombstoneRow
from tests.support.routing_policies import default_routing_policy, queue, rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id
from tests.unit.router.simulated_queue import Desk

HOT = {"grade": "A1"}


def small_team_policy(**given: Any) -> RoutingPolicy:
    reps = (rep("one", **given), rep("two", **given), rep("ae", "senior-ae"))
    return routing_policy_with(reps, {"sdr": queue("4h"), "senior-ae": queue("15m", fallback="sdr")})


def outcome(type_: str, name: str = "ana", **given) -> OutcomeReceivedV1:
    named = given or {"lead_id": lead_id(name)}
    return OutcomeReceivedV1(type=type_, at=AT, **named)  # type: ignore[arg-type]


# A scored lead


def test_a_new_lead_gets_an_owner_a_clock_and_a_brief():
    desk = Desk()
    assert desk.score() is Outcome.APPLIED
    assert desk.types() == ["lead.routed"]
    routed = desk.said[0][1]
    assert routed["sequence"] == 1
    assert routed["decision"]["change"] == "assigned"
    assert routed["decision"]["owner"] == desk.owner() == "sdr-1"
    assert routed["sla"] == {"accept_by": "2026-03-02T13:00:00Z"}
    assert desk.clock() == AT + timedelta(hours=4)
    assert routed["policy_versions"] == {"scored": "scored-by", "routed": default_routing_policy().version}
    assert routed["brief"]["pain"] == [
        {"quote": "We lose two days a week to hand-made reports.", "from": "message"}
    ]


def test_every_rep_who_was_passed_over_has_a_reason():
    desk = Desk()
    desk.set_available("sdr-3", available=False)
    desk.score()
    reasons = {each["rep"]: each["skipped"] for each in desk.decision()["considered"] if "rep" in each}
    elsewhere = ("bdr-1", "bdr-2", "bdr-3", "ae-1", "ae-2")
    assert reasons == {
        "sdr-2": "lower_share",
        "sdr-3": "unavailable",
        "sdr-4": "lower_share",
        **dict.fromkeys(elsewhere, "not_in_queue"),
    }


def test_a_rescore_that_changes_nothing_says_nothing():
    desk = Desk()
    desk.score()
    assert desk.score(sequence=2, trigger="decay") is Outcome.UNCHANGED
    assert desk.said == []


def test_what_was_overtaken_is_superseded_and_what_was_seen_is_unchanged():
    desk = Desk()
    desk.score(sequence=2)
    assert desk.score(sequence=1) is Outcome.SUPERSEDED
    assert desk.score(sequence=2) is Outcome.UNCHANGED
    assert desk.said == []


def test_a_revision_is_always_answered_and_costs_nothing_when_the_owner_stays():
    desk = Desk()
    desk.score()
    desk.score(revision=2, sequence=2)
    assert desk.types() == ["lead.routed"]
    assert desk.said[0][1]["sequence"] == 2
    assert desk.decision()["change"] == "kept"
    assert len(desk.assignments()) == 1


def test_an_accepted_lead_has_no_clock_any_more():
    desk = Desk()
    desk.score()
    desk.act("accept", rep="sdr-1")
    desk.score(revision=2, sequence=2)
    assert desk.said[0][1]["sla"] == {"accept_by": None}


def test_a_lead_that_turns_hot_moves_and_its_owner_is_told():
    desk = Desk()
    desk.score()
    desk.score(sequence=2, trigger="signal", **HOT)
    assert desk.types() == ["lead.routed", "lead.reassigned"]
    assert desk.decision()["change"] == "moved"
    assert desk.decision()["queue"] == "senior-ae"
    assert desk.said[1][1]["previous_owner"] == "sdr-1"
    assert [data["sequence"] for _type, data in desk.said] == [2, 3]
    assert desk.clock() == AT + timedelta(minutes=15)


def test_a_lead_that_turns_hot_stays_when_no_senior_is_there():
    desk = Desk()
    for senior in ("ae-1", "ae-2"):
        desk.set_available(senior, available=False)
    desk.score()
    desk.score(sequence=2, trigger="signal", **HOT)
    assert desk.types() == ["lead.alerted"]
    assert desk.owner() == "sdr-1"


def test_the_owner_of_an_accepted_lead_hears_once_that_it_turned_hot():
    desk = Desk()
    desk.score()
    desk.act("accept")
    desk.score(sequence=2, trigger="signal", **HOT)
    assert desk.types() == ["lead.alerted"]
    desk.score(sequence=3, trigger="signal", **HOT)
    assert desk.types() == []


def test_a_new_lead_of_an_owned_account_joins_its_owner_for_one_credit():
    desk = Desk()
    desk.score("ana", account="kestrel.example")
    desk.score("ben", account="kestrel.example")
    assert desk.decision()["change"] == "assigned"
    assert desk.decision()["rule"] == "existing-owner"
    assert desk.owner("ben") == desk.owner("ana") == "sdr-1"
    desk.score("cy")
    assert desk.owner("cy") == "sdr-2"


def test_the_crm_names_the_owner_of_an_account():
    desk = Desk()
    desk.score("ana", account="kestrel.example")
    desk.score("ben", account="kestrel.example", view=AccountView(owner="bdr-2"))
    assert desk.decision()["owner"] == "bdr-2"
    assert desk.decision()["queue"] == "bdr"
    desk.score("cy", view=AccountView(owner="somebody else"))
    assert desk.decision()["rule"] == "fits"


def test_an_opt_out_withdraws_the_lead():
    desk = Desk()
    desk.score()
    desk.score(sequence=2, trigger="signal", opted_out=True)
    assert desk.types() == ["lead.suppressed"]
    assert desk.decision() == {"reason": "opted_out"}
    assert desk.owner() is None
    assert desk.clock() is None
    assert desk.score(sequence=3, trigger="decay", opted_out=True) is Outcome.UNCHANGED
    desk.score(revision=2, sequence=4, opted_out=True)
    assert desk.types() == ["lead.suppressed"]


def test_who_has_left_the_team_owns_nothing_that_is_looked_at_again():
    desk = Desk(small_team_policy())
    desk.score()
    desk.follow(routing_policy_with((rep("two"), rep("new")), {"sdr": queue("4h")}))
    desk.score(sequence=2, trigger="decay")
    assert desk.types() == ["lead.routed", "lead.reassigned"]
    assert (desk.decision()["change"], desk.decision()["rule"]) == ("moved", "fits")
    assert desk.said[1][1]["previous_owner"] == "one"
    assert desk.owner() in ("two", "new")


def test_who_is_new_in_the_team_gets_leads_and_a_new_weight_counts_at_once():
    desk = Desk(routing_policy_with((rep("one"),), {"sdr": queue("4h")}))
    desk.score("first")
    desk.follow(routing_policy_with((rep("one", weight=0), rep("new")), {"sdr": queue("4h")}))
    for name in ("ana", "ben", "cy"):
        desk.score(name)
        assert desk.owner(name) == "new"
        assert {each["rep"]: each["skipped"] for each in desk.decision()["considered"] if "rep" in each} == {
            "one": "lower_share"
        }


def test_the_version_that_decided_is_told():
    desk = Desk()
    other = small_team_policy()
    desk.follow(other)
    desk.score()
    assert desk.said[0][1]["policy_versions"]["routed"] == other.version != default_routing_policy().version


def test_only_who_is_at_work_gets_leads_and_has_business_hours_to_accept():
    office = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 09:00-17:00")}
    away = {"time_zone": "America/Los_Angeles", "hours": parse_hours("Mon-Fri 09:00-17:00")}
    plan = routing_policy_with((rep("far", **away), rep("near", **office)), {"sdr": queue("4h business")})
    desk = Desk(plan)
    desk.at = AT + timedelta(hours=6)
    desk.score()
    reasons = {each["rep"]: each["skipped"] for each in desk.decision()["considered"] if "rep" in each}
    assert (desk.owner(), reasons) == ("near", {"far": "off_hours"})
    assert desk.clock() == AT + timedelta(days=1, hours=2)
    desk.at = AT + timedelta(hours=10)
    desk.score("ben")
    assert desk.owner("ben") == "far"
    desk.at = AT - timedelta(hours=5)
    desk.score("cy")
    assert desk.decision()["change"] == "waiting"


def test_the_alert_names_the_condition_that_the_policy_asks_for():
    desk = Desk()
    desk.score()
    desk.act("accept")
    desk.score(sequence=2, trigger="signal", **HOT)
    assert desk.said[0][1]["reason"] == "high_intent"
    quiet = Desk(routing_policy_with(alert_owner_when=None))
    quiet.score()
    quiet.act("accept")
    assert quiet.score(sequence=2, trigger="signal", **HOT) is Outcome.UNCHANGED


# Waiting


def test_a_lead_waits_when_nobody_may_have_it_and_is_drained_oldest_first():
    desk = Desk(small_team_policy(max_open=1))
    for name in ("ana", "ben", "cy", "dee"):
        desk.at += timedelta(seconds=1)
        desk.score(name)
    assert desk.decision()["change"] == "waiting"
    assert desk.decision()["owner"] is None
    reasons = {each["rep"]: each["skipped"] for each in desk.decision()["considered"] if "rep" in each}
    assert reasons == {"one": "at_cap", "two": "at_cap", "ae": "not_in_queue"}
    assert desk.drain() is Outcome.UNCHANGED
    desk.tell(outcome("won", "ben"))
    assert desk.drain() is Outcome.APPLIED
    assert desk.types() == ["lead.routed"]
    assert desk.said[0][1]["lead_id"] == lead_id("cy")
    assert desk.said[0][1]["sequence"] == 2
    assert (desk.owner("cy"), desk.owner("dee")) == ("two", None)
    lead = desk.lead("cy")
    assert lead is not None
    assert (lead.status, lead.scored, lead.waiting_since) == ("routed", None, None)


def test_a_waiting_lead_that_is_scored_again_keeps_its_turn_and_says_nothing():
    desk = Desk(small_team_policy(max_open=0))
    desk.score()
    desk.at += timedelta(minutes=1)
    assert desk.score(sequence=2, trigger="decay") is Outcome.UNCHANGED
    lead = desk.lead()
    assert lead is not None
    assert lead.waiting_since == AT


def test_the_fallback_helps_out():
    desk = Desk(small_team_policy())
    desk.set_available("ae", available=False)
    desk.score(**HOT)
    assert (desk.decision()["queue"], desk.decision()["owner"]) == ("sdr", "one")


# What the owner does


def test_a_lead_that_is_given_back_goes_to_somebody_else():
    desk = Desk(small_team_policy())
    desk.score()
    desk.act("reject", rep="one", reason="not my language")
    assert desk.types() == ["lead.reassigned"]
    assert desk.said[0][1]["previous_owner"] == "one"
    assert desk.said[0][1]["reason"] == "not my language"
    assert desk.owner() == "two"
    desk.act("reject", rep="two")
    assert desk.decision()["change"] == "waiting"
    assert desk.owner() is None
    assert desk.drain() is Outcome.UNCHANGED


def test_only_the_owner_acts_on_a_lead():
    desk = Desk()
    desk.score()
    for type_ in ("accept", "reject", "handoff"):
        assert desk.act(type_, rep="sdr-2") is Outcome.UNCHANGED
    assert desk.act("accept", rep="sdr-1") is Outcome.APPLIED
    assert desk.act("accept", rep="sdr-1") is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("to", "owner", "queue"), [("bdr-2", "bdr-2", "bdr"), ("senior-ae", "ae-1", "senior-ae")]
)
def test_a_lead_is_handed_on_to_a_rep_or_a_queue(to, owner, queue):
    desk = Desk()
    desk.score()
    desk.act("handoff", rep="sdr-1", to=to, notes={"budget": "approved"})
    assert desk.types() == ["lead.handed_off"]
    assert desk.said[0][1]["notes"] == {"budget": "approved"}
    assert (desk.decision()["owner"], desk.decision()["queue"]) == (owner, queue)
    assert [each.state for each in desk.assignments()] == ["handed_on", "open"]


def test_a_hand_off_says_what_the_policy_wants_known_first():
    desk = Desk(routing_policy_with(hand_off=HandOff(frame="bant", known_first=("budget", "need"))))
    desk.score()
    for notes in ({}, {"budget": "approved"}, {"budget": "approved", "need": ""}):
        assert desk.act("handoff", to="senior-ae", notes=notes) is Outcome.UNCHANGED
    notes = {"budget": "approved", "need": "two days a month"}
    assert desk.act("handoff", to="senior-ae", notes=notes) is Outcome.APPLIED
    plain = Desk()
    plain.score()
    assert plain.act("handoff", to="senior-ae") is Outcome.APPLIED


def test_a_lead_is_not_given_to_somebody_unknown():
    desk = Desk()
    desk.score()
    assert desk.act("reassign", to="nobody") is Outcome.UNCHANGED
    assert desk.owner() == "sdr-1"


def test_a_manager_gives_a_lead_to_the_next_of_its_queue():
    desk = Desk()
    desk.score()
    assert desk.act("reassign") is Outcome.APPLIED
    assert desk.owner() == "sdr-2"


def test_a_snooze_puts_the_clock_off():
    desk = Desk()
    desk.score()
    later = AT + timedelta(days=1)
    assert desk.act("snooze", until=later) is Outcome.APPLIED
    desk.wait(timedelta(hours=5))
    assert desk.clock() == later


# What comes of it


def test_a_lead_that_is_not_accepted_in_time_goes_to_the_next_until_all_had_their_chance():
    desk = Desk(small_team_policy())
    desk.score()
    desk.wait(timedelta(hours=4))
    assert desk.types() == ["lead.escalated", "lead.reassigned"]
    assert (desk.said[1][1]["previous_owner"], desk.said[1][1]["reason"]) == ("one", "sla")
    reasons = {each["rep"]: each["skipped"] for each in desk.decision(1)["considered"]}
    assert reasons == {"one": "excluded", "ae": "not_in_queue"}
    assert (desk.owner(), desk.clock()) == ("two", AT + timedelta(hours=8))
    desk.wait(timedelta(hours=4))
    assert desk.types() == ["lead.escalated"]
    assert (desk.owner(), desk.clock()) == ("two", None)
    desk.said = []
    desk.wait(timedelta(hours=4))
    assert desk.said == []
    assert [each.state for each in desk.assignments()] == ["overdue", "open"]


def test_an_accepted_lead_is_not_escalated():
    desk = Desk()
    desk.score()
    desk.act("accept")
    desk.wait(timedelta(hours=5))
    assert "lead.escalated" not in desk.types()


@pytest.mark.parametrize("type_", ["won", "lost"])
def test_an_ended_lead_rests_until_it_writes_again(type_):
    desk = Desk()
    desk.score()
    desk.tell(outcome(type_))
    assert desk.owner() is None
    assert desk.score(sequence=2, trigger="decay", grade="D4") is Outcome.UNCHANGED
    assert desk.score(sequence=3, trigger="signal") is Outcome.UNCHANGED
    desk.score(revision=2, sequence=4)
    assert desk.decision()["change"] == "assigned"


def test_an_ended_lead_that_turns_hot_is_opened_again():
    desk = Desk()
    desk.score()
    desk.tell(outcome("lost"))
    desk.score(sequence=2, trigger="signal", **HOT)
    assert desk.decision()["queue"] == "senior-ae"


def test_an_outcome_may_name_the_lead_by_email():
    desk = Desk()
    desk.score()
    assert desk.tell(outcome("meeting_booked", email="Ana+crm@kestrel.example")) is Outcome.APPLIED
    assert desk.assignments()[0].state == "accepted"


def test_the_account_stays_with_the_next_oldest_assignment():
    desk = Desk()
    for name in ("ana", "ben"):
        desk.score(name, account="kestrel.example")
        desk.at += timedelta(minutes=1)
    desk.act("reassign", "ben", to="sdr-3")
    desk.tell(outcome("won", "ana"))
    desk.score("cy", account="kestrel.example")
    assert desk.owner("cy") == "sdr-3"


def test_an_erased_person_leaves_a_credit_and_nothing_else():
    desk = Desk()
    desk.score(account=lead_id("ana"))
    desk.tell(PersonErasedV1([lead_id("ana"), lead_id("nobody")], "hash", AT + timedelta(hours=1)))
    assert desk.lead() is None
    assert desk.assignments() == []
    assert desk.clock() is None
    stones = {stone.hash for stone in desk.rows.all(TombstoneRow)}
    assert stones == {f"hash of {lead_id('ana')}", f"hash of {lead_id('nobody')}"}

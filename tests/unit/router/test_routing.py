"""The router's decisions: scored leads, waiting, actions of reps, outcomes, the SLA timer, erasure."""

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

HOT = {"grade": "A1"}


def small_team_policy(**given: Any) -> RoutingPolicy:
    reps = (rep("one", **given), rep("two", **given), rep("ae", "senior-ae"))
    return routing_policy_with(reps, {"sdr": queue("4h"), "senior-ae": queue("15m", fallback="sdr")})


def outcome(type_: str, name: str = "ana", **given) -> OutcomeReceivedV1:
    named = given or {"lead_id": lead_id(name)}
    return OutcomeReceivedV1(type=type_, at=AT, **named)  # type: ignore[arg-type]


# A scored lead


def test_a_new_lead_gets_an_owner_an_sla_timer_and_a_brief(router):
    assert router.score() is Outcome.APPLIED
    assert router.event_types() == ["lead.routed"]
    routed = router.emitted[0][1]
    assert routed["sequence"] == 1
    assert routed["decision"]["change"] == "assigned"
    assert routed["decision"]["owner"] == router.owner() == "sdr-1"
    assert routed["sla"] == {"accept_by": "2026-03-02T13:00:00Z"}
    assert router.sla_due_at() == AT + timedelta(hours=4)
    assert routed["policy_versions"] == {"scored": "scored-by", "routed": default_routing_policy().version}
    assert routed["brief"]["pain"] == [
        {"quote": "We lose two days a week to hand-made reports.", "from": "message"}
    ]


def test_every_rep_who_was_not_selected_has_a_reason(router):
    router.set_available("sdr-3", available=False)
    router.score()
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision()["considered"] if "rep" in entry}
    elsewhere = ("bdr-1", "bdr-2", "bdr-3", "ae-1", "ae-2")
    assert reasons == {
        "sdr-2": "lower_share",
        "sdr-3": "unavailable",
        "sdr-4": "lower_share",
        **dict.fromkeys(elsewhere, "not_in_queue"),
    }


def test_a_rescore_that_changes_nothing_emits_nothing(router):
    router.score()
    assert router.score(sequence=2, trigger="decay") is Outcome.UNCHANGED
    assert router.emitted == []


def test_an_older_score_is_superseded_and_a_repeated_one_is_unchanged(router):
    router.score(sequence=2)
    assert router.score(sequence=1) is Outcome.SUPERSEDED
    assert router.score(sequence=2) is Outcome.UNCHANGED
    assert router.emitted == []


def test_a_new_revision_always_emits_and_charges_no_credit_when_the_owner_stays(router):
    router.score()
    router.score(revision=2, sequence=2)
    assert router.event_types() == ["lead.routed"]
    assert router.emitted[0][1]["sequence"] == 2
    assert router.decision()["change"] == "kept"
    assert len(router.assignments()) == 1


def test_an_accepted_lead_has_no_deadline(router):
    router.score()
    router.act("accept", rep="sdr-1")
    router.score(revision=2, sequence=2)
    assert router.emitted[0][1]["sla"] == {"accept_by": None}


def test_a_lead_that_becomes_high_intent_is_reassigned(router):
    router.score()
    router.score(sequence=2, trigger="signal", **HOT)
    assert router.event_types() == ["lead.routed", "lead.reassigned"]
    assert router.decision()["change"] == "moved"
    assert router.decision()["queue"] == "senior-ae"
    assert router.emitted[1][1]["previous_owner"] == "sdr-1"
    assert [data["sequence"] for _type, data in router.emitted] == [2, 3]
    assert router.sla_due_at() == AT + timedelta(minutes=15)


def test_a_high_intent_lead_stays_with_its_owner_when_no_senior_is_available(router):
    for senior in ("ae-1", "ae-2"):
        router.set_available(senior, available=False)
    router.score()
    router.score(sequence=2, trigger="signal", **HOT)
    assert router.event_types() == ["lead.updated", "lead.alerted"]
    assert router.owner() == "sdr-1"


def test_the_owner_of_an_accepted_lead_is_alerted_once_of_high_intent(router):
    router.score()
    router.act("accept")
    router.score(sequence=2, trigger="signal", **HOT)
    assert router.event_types() == ["lead.updated", "lead.alerted"]
    router.score(sequence=3, trigger="signal", **HOT)
    assert router.event_types() == []


def test_a_new_lead_of_an_owned_account_is_assigned_to_the_account_owner_for_one_credit(router):
    router.score("ana", account="kestrel.example")
    router.score("ben", account="kestrel.example")
    assert router.decision()["change"] == "assigned"
    assert router.decision()["rule"] == "existing-owner"
    assert router.owner("ben") == router.owner("ana") == "sdr-1"
    router.score("cy")
    assert router.owner("cy") == "sdr-2"


def test_the_crm_decides_who_owns_an_account(router):
    router.score("ana", account="kestrel.example")
    router.score("ben", account="kestrel.example", view=AccountView(owner="bdr-2"))
    assert router.decision()["owner"] == "bdr-2"
    assert router.decision()["queue"] == "bdr"
    router.score("cy", view=AccountView(owner="somebody else"))
    assert router.decision()["rule"] == "fits"


def test_an_opt_out_withdraws_the_lead(router):
    router.score()
    router.score(sequence=2, trigger="signal", opted_out=True)
    assert router.event_types() == ["lead.suppressed"]
    decision = router.decision()
    assert (decision["reason"], decision["owner_before"]["rep"]) == ("opted_out", "sdr-1")
    assert router.owner() is None
    assert router.sla_due_at() is None
    assert router.score(sequence=3, trigger="decay", opted_out=True) is Outcome.UNCHANGED
    router.score(revision=2, sequence=4, opted_out=True)
    assert router.event_types() == ["lead.suppressed"]


def test_a_rescored_lead_is_reassigned_when_its_owner_has_left_the_team(simulate):
    router = simulate(small_team_policy())
    router.score()
    router.use_policy(routing_policy_with((rep("two"), rep("new")), {"sdr": queue("4h")}))
    router.score(sequence=2, trigger="decay")
    assert router.event_types() == ["lead.routed", "lead.reassigned"]
    assert (router.decision()["change"], router.decision()["rule"]) == ("moved", "fits")
    assert router.emitted[1][1]["previous_owner"] == "one"
    assert router.owner() in ("two", "new")


def test_a_new_rep_gets_leads_and_a_new_weight_counts_at_once(simulate):
    router = simulate(routing_policy_with((rep("one"),), {"sdr": queue("4h")}))
    router.score("first")
    router.use_policy(routing_policy_with((rep("one", weight=0), rep("new")), {"sdr": queue("4h")}))
    for name in ("ana", "ben", "cy"):
        router.score(name)
        assert router.owner(name) == "new"
        assert {
            entry["rep"]: entry["skipped"] for entry in router.decision()["considered"] if "rep" in entry
        } == {"one": "lower_share"}


def test_the_event_has_the_policy_version_that_decided(router):
    other = small_team_policy()
    router.use_policy(other)
    router.score()
    assert (
        router.emitted[0][1]["policy_versions"]["routed"] == other.version != default_routing_policy().version
    )


def test_only_reps_at_work_get_leads_and_deadlines_count_business_hours(simulate):
    office = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 09:00-17:00")}
    away = {"time_zone": "America/Los_Angeles", "hours": parse_hours("Mon-Fri 09:00-17:00")}
    policy = routing_policy_with((rep("far", **away), rep("near", **office)), {"sdr": queue("4h business")})
    router = simulate(policy)
    router.at = AT + timedelta(hours=6)
    router.score()
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision()["considered"] if "rep" in entry}
    assert (router.owner(), reasons) == ("near", {"far": "off_hours"})
    assert router.sla_due_at() == AT + timedelta(days=1, hours=2)
    router.at = AT + timedelta(hours=10)
    router.score("ben")
    assert router.owner("ben") == "far"
    router.at = AT - timedelta(hours=5)
    router.score("cy")
    assert router.decision()["change"] == "waiting"


def test_the_alert_has_the_name_of_the_policy_condition_as_reason(router, simulate):
    router.score()
    router.act("accept")
    router.score(sequence=2, trigger="signal", **HOT)
    assert router.emitted[-1][1]["reason"] == "high_intent"
    quiet = simulate(routing_policy_with(alert_owner_when=None))
    quiet.score()
    quiet.act("accept")
    quiet.score(sequence=2, trigger="signal", **HOT)
    assert quiet.event_types() == ["lead.updated"]


# Waiting


def test_a_lead_waits_while_nobody_is_eligible_and_the_longest_waiting_is_assigned_first(simulate):
    router = simulate(small_team_policy(max_open=1))
    for name in ("ana", "ben", "cy", "dee"):
        router.at += timedelta(seconds=1)
        router.score(name)
    assert router.decision()["change"] == "waiting"
    assert router.decision()["owner"] is None
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision()["considered"] if "rep" in entry}
    assert reasons == {"one": "at_cap", "two": "at_cap", "ae": "not_in_queue"}
    assert router.assign_waiting() is Outcome.UNCHANGED
    router.receive(outcome("won", "ben"))
    assert router.assign_waiting() is Outcome.APPLIED
    assert router.event_types() == ["lead.routed"]
    assert router.emitted[0][1]["lead_id"] == lead_id("cy")
    assert router.emitted[0][1]["sequence"] == 2
    assert (router.owner("cy"), router.owner("dee")) == ("two", None)
    lead = router.lead("cy")
    assert lead is not None
    assert (lead.status, lead.waiting_since) == ("routed", None)


def test_a_waiting_lead_that_is_rescored_keeps_its_waiting_time_and_emits_nothing(simulate):
    router = simulate(small_team_policy(max_open=0))
    router.score()
    router.at += timedelta(minutes=1)
    assert router.score(sequence=2, trigger="decay") is Outcome.UNCHANGED
    lead = router.lead()
    assert lead is not None
    assert lead.waiting_since == AT


def test_the_fallback_queue_is_used_when_nobody_in_the_queue_is_eligible(simulate):
    router = simulate(small_team_policy())
    router.set_available("ae", available=False)
    router.score(**HOT)
    assert (router.decision()["queue"], router.decision()["owner"]) == ("sdr", "one")


# Actions


def test_a_rejected_lead_is_assigned_to_another_rep_or_waits(simulate):
    router = simulate(small_team_policy())
    router.score()
    router.act("reject", rep="one", reason="not my language")
    assert router.event_types() == ["lead.reassigned"]
    assert router.emitted[0][1]["previous_owner"] == "one"
    assert router.emitted[0][1]["reason"] == "not my language"
    assert router.owner() == "two"
    router.act("reject", rep="two")
    assert router.decision()["change"] == "waiting"
    assert router.owner() is None
    assert router.assign_waiting() is Outcome.UNCHANGED


def test_only_the_owner_acts_on_a_lead(router):
    router.score()
    for type_ in ("accept", "reject", "handoff"):
        assert router.act(type_, rep="sdr-2") is Outcome.UNCHANGED
    assert router.act("accept", rep="sdr-1") is Outcome.APPLIED
    assert router.act("accept", rep="sdr-1") is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("to", "owner", "queue"), [("bdr-2", "bdr-2", "bdr"), ("senior-ae", "ae-1", "senior-ae")]
)
def test_a_lead_is_handed_off_to_a_rep_or_a_queue(router, to, owner, queue):
    router.score()
    router.act("handoff", rep="sdr-1", to=to, notes={"budget": "approved"})
    assert router.event_types() == ["lead.handed_off"]
    assert router.emitted[0][1]["notes"] == {"budget": "approved"}
    assert (router.decision()["owner"], router.decision()["queue"]) == (owner, queue)
    assert [entry.state for entry in router.assignments()] == ["handed_on", "open"]


def test_a_hand_off_needs_notes_on_the_fields_that_the_policy_requires(router, simulate):
    router.score()
    assert router.act("handoff", to="senior-ae") is Outcome.APPLIED
    strict = simulate(routing_policy_with(hand_off=HandOff(known_first={"senior-ae": ("budget", "need")})))
    strict.score(message=None)
    for notes in ({}, {"need": "reports"}, {"budget": " ", "need": "reports"}):
        assert strict.act("handoff", to="senior-ae", notes=notes) is Outcome.UNCHANGED
    notes = {"budget": "approved", "need": "two days a month"}
    assert strict.act("handoff", to="senior-ae", notes=notes) is Outcome.APPLIED


def test_a_lead_is_not_reassigned_to_an_unknown_rep(router):
    router.score()
    assert router.act("reassign", to="nobody") is Outcome.UNCHANGED
    assert router.owner() == "sdr-1"


def test_a_manager_reassigns_a_lead_to_the_next_rep_of_its_queue(router):
    router.score()
    assert router.act("reassign") is Outcome.APPLIED
    assert router.owner() == "sdr-2"


def test_a_snooze_extends_the_deadline(router):
    router.score()
    later = AT + timedelta(days=1)
    assert router.act("snooze", until=later) is Outcome.APPLIED
    router.advance(timedelta(hours=5))
    assert router.sla_due_at() == later


# SLA, outcomes and erasure


def test_an_overdue_lead_is_escalated_and_reassigned_until_every_rep_had_it_once(simulate):
    router = simulate(small_team_policy())
    router.score()
    router.advance(timedelta(hours=4))
    assert router.event_types() == ["lead.escalated", "lead.reassigned"]
    assert (router.emitted[1][1]["previous_owner"], router.emitted[1][1]["reason"]) == ("one", "sla")
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision(1)["considered"]}
    assert reasons == {"one": "excluded", "ae": "not_in_queue"}
    assert (router.owner(), router.sla_due_at()) == ("two", AT + timedelta(hours=8))
    router.advance(timedelta(hours=4))
    assert router.event_types() == ["lead.escalated"]
    assert (router.owner(), router.sla_due_at()) == ("two", None)
    router.emitted = []
    router.advance(timedelta(hours=4))
    assert router.emitted == []
    assert [entry.state for entry in router.assignments()] == ["overdue", "open"]


def test_an_accepted_lead_is_not_escalated(router):
    router.score()
    router.act("accept")
    router.advance(timedelta(hours=5))
    assert "lead.escalated" not in router.event_types()


@pytest.mark.parametrize("type_", ["won", "lost"])
def test_a_won_or_lost_lead_stays_closed_until_a_new_revision(router, type_):
    router.score()
    router.receive(outcome(type_))
    assert router.owner() is None
    assert router.score(sequence=2, trigger="decay", grade="D4") is Outcome.UNCHANGED
    assert router.score(sequence=3, trigger="signal") is Outcome.UNCHANGED
    router.score(revision=2, sequence=4)
    assert router.decision()["change"] == "assigned"


def test_a_lost_lead_that_becomes_high_intent_is_reopened(router):
    router.score()
    router.receive(outcome("lost"))
    router.score(sequence=2, trigger="signal", **HOT)
    assert router.decision()["queue"] == "senior-ae"


def test_an_outcome_may_refer_to_the_lead_by_email(router):
    router.score()
    assert router.receive(outcome("meeting_booked", email="Ana+crm@kestrel.example")) is Outcome.APPLIED
    assert router.assignments()[0].state == "accepted"


def test_the_account_owner_is_the_rep_of_the_oldest_active_assignment(router):
    for name in ("ana", "ben"):
        router.score(name, account="kestrel.example")
        router.at += timedelta(minutes=1)
    router.act("reassign", "ben", to="sdr-3")
    router.receive(outcome("won", "ana"))
    router.score("cy", account="kestrel.example")
    assert router.owner("cy") == "sdr-3"


def test_leads_of_an_account_that_move_to_a_queue_go_to_the_rep_who_holds_it_there(router):
    for name in ("ana", "ben", "cy"):
        router.score(name, account="kestrel.example")
    for name in ("ana", "ben", "cy"):
        router.score(name, account="kestrel.example", sequence=2, trigger="signal", **HOT)
        assert router.decision()["queue"] == "senior-ae"
    assert len({router.owner(name) for name in ("ana", "ben", "cy")}) == 1


def test_a_holder_who_is_away_is_passed_over(router):
    for name in ("ana", "ben"):
        router.score(name, account="kestrel.example")
    router.score("ana", account="kestrel.example", sequence=2, trigger="signal", **HOT)
    router.set_available(router.owner("ana"), available=False)
    router.score("ben", account="kestrel.example", sequence=2, trigger="signal", **HOT)
    assert router.owner("ben") != router.owner("ana")


def test_a_lead_whose_account_joins_another_stays_with_its_owner(router):
    router.score("ana", account="kestrel.example")
    router.at += timedelta(minutes=1)
    router.score("ben", account="kestrel-labs.example")
    owners = router.owner("ana"), router.owner("ben")
    router.score("ben", account="kestrel.example", sequence=2, trigger="account")
    assert (router.owner("ana"), router.owner("ben")) == owners
    router.score("cy", account="kestrel.example")
    assert router.owner("cy") == owners[0]


def test_erasure_keeps_the_credit_and_nothing_else(router):
    router.score(account=lead_id("ana"))
    router.receive(PersonErasedV1([lead_id("ana"), lead_id("nobody")], "hash", AT + timedelta(hours=1)))
    assert router.lead() is None
    assert router.assignments() == []
    assert router.sla_due_at() is None
    stones = {stone.hash for stone in router.rows.all(TombstoneRow)}
    assert stones == {f"hash of {lead_id('ana')}", f"hash of {lead_id('nobody')}"}

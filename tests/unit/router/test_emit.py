"""The events that the router emits: every field, subject and key, and the lead's next sequence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.router.domain.brief import build_brief
from services.router.domain.emit import decision_of, emit_ownership_change, emit_routed, emit_suppressed
from services.router.domain.state import AccountContactRow, AssignmentRow, RoutedLeadRow
from shared.lead.events.envelope import Emit
from shared.lead.events.lead_alerted import LeadAlertedV1
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.parts import Actor, Person, Trigger
from shared.lead.events.routing import Decision, PolicyVersions, Sla, Suppression
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from tests.support.routing_policies import rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id, scored_lead

LATER = AT + timedelta(minutes=1)
ACCEPT_BY = AT + timedelta(hours=4)
SCORED = scored_lead(account="kestrel.example", revision=3, sequence=8)
LEAD = RoutedLeadRow(
    lead_id=lead_id("ana"), account="kestrel.example", revision=3, scored_sequence=8, sequence=5,
    status="routed", queue="sdr", motion="work", rule="fits", high_intent=False,
)  # fmt: skip
ASSIGNMENT = AssignmentRow("a-1", lead_id("ana"), "kestrel.example", "bdr", "one", "open", 6, AT, ACCEPT_BY)
DECISION = Decision("assigned", "sdr", "work", "one", "fits", ["company employees is 200"], [])


@pytest.fixture
def changes() -> ChangeSet:
    """Changes on top of one other person of the account, who has an owned lead."""
    ben = AccountContactRow(lead_id("ben"), "kestrel.example", Person(first_name="Ben", title="CTO"))
    stranger = AccountContactRow(lead_id("eve"), "other.example", Person(first_name="Eve"))
    return ChangeSet(IdentityMap([ben, stranger]))


def emitted(changes: ChangeSet) -> Any:
    """Return the data of the only event, which is about the lead and ordered by its account."""
    [emit] = changes.emits
    assert emit == Emit(emit.data, subject=lead_id("ana"), key="kestrel.example")
    assert changes.changes == ()
    return emit.data


def test_a_routed_lead_carries_the_score_the_decision_and_the_brief_for_its_owner(changes):
    policy = routing_policy_with((rep("one"),))
    lead = emit_routed(changes, policy, LEAD, SCORED, decision=DECISION, assignment=ASSIGNMENT, at=LATER)
    assert lead == replace(LEAD, sequence=6)
    ben = AccountContactRow(lead_id("ben"), "kestrel.example", Person(first_name="Ben", title="CTO"))
    assert emitted(changes) == LeadRoutedV1(
        lead_id=lead_id("ana"),
        revision=3,
        sequence=6,
        account="kestrel.example",
        trigger=SCORED.trigger,
        person=SCORED.person,
        company=SCORED.company,
        provenance=SCORED.provenance,
        score=SCORED.score,
        decision=DECISION,
        sla=Sla(ACCEPT_BY),
        brief=build_brief(SCORED, "bant", at=LATER, owner="One", contacts=[ben]),
        policy_versions=PolicyVersions("scored-by", policy.version),
        occurred_at=LATER,
    )


@pytest.mark.parametrize(("queue", "frame"), [("senior-ae", "meddpicc"), ("sdr", "bant")])
def test_the_brief_of_a_routed_lead_has_the_frame_of_its_queue(changes, queue, frame):
    decision = replace(DECISION, queue=queue)
    policy = routing_policy_with((rep("one"),))
    emit_routed(changes, policy, LEAD, SCORED, decision=decision, assignment=None, at=LATER)
    assert emitted(changes).brief.qualification.frame == frame


@pytest.mark.parametrize("assignment", [None, replace(ASSIGNMENT, state="accepted")])
def test_a_lead_that_nobody_has_to_accept_has_no_deadline(changes, assignment):
    policy = routing_policy_with((rep("one"),))
    emit_routed(changes, policy, LEAD, SCORED, decision=DECISION, assignment=assignment, at=LATER)
    assert emitted(changes).sla == Sla(None)


def test_the_opening_of_a_lead_without_an_owner_is_not_signed(changes):
    waiting = replace(DECISION, change="waiting", owner=None)
    policy = routing_policy_with((rep("one"),))
    emit_routed(changes, policy, LEAD, SCORED, decision=waiting, assignment=None, at=LATER)
    assert "Best," not in emitted(changes).brief.warm_intro


def test_a_suppressed_lead_carries_the_score_and_the_reason(changes):
    lead = emit_suppressed(
        changes, LEAD, SCORED, Suppression("opted_out"), policy_version="routed-by", at=LATER
    )
    assert lead == replace(LEAD, sequence=6)
    assert emitted(changes) == LeadSuppressedV1(
        lead_id=lead_id("ana"),
        revision=3,
        sequence=6,
        account="kestrel.example",
        trigger=SCORED.trigger,
        person=SCORED.person,
        company=SCORED.company,
        provenance=SCORED.provenance,
        score=SCORED.score,
        decision=Suppression("opted_out"),
        policy_versions=PolicyVersions("scored-by", "routed-by"),
        occurred_at=LATER,
    )


NEWS = Trigger("signal", "news-1", "funding_round")
DECAYED = replace(SCORED, trigger=Trigger("decay", "timer-1"), news=NEWS)
KEPT = replace(LEAD, scored=msgspec.json.encode(DECAYED))


def test_the_events_of_one_decision_share_one_brief(changes):
    policy = routing_policy_with((rep("one"), rep("two")))
    lead = emit_routed(changes, policy, KEPT, SCORED, decision=DECISION, assignment=None, at=LATER)
    emit_ownership_change(changes, policy, LeadReassignedV1, lead, DECISION, reason="fits", at=LATER)
    other = replace(DECISION, owner="two")
    emit_ownership_change(changes, policy, LeadReassignedV1, lead, other, reason="sla", at=LATER)
    emit_ownership_change(changes, policy, LeadAlertedV1, lead, DECISION, reason="hot", at=LATER)
    routed, moved, reassigned, alerted = (emit.data for emit in changes.emits)
    assert moved.brief is routed.brief
    assert (moved.person, moved.score, moved.trigger) == (routed.person, routed.score, routed.trigger)
    assert reassigned.brief.warm_intro.endswith("Best, Two")
    assert (alerted.brief, alerted.company) == (None, routed.company)


@pytest.mark.parametrize("kind", [LeadReassignedV1, LeadEscalatedV1, LeadAlertedV1])
def test_a_change_of_ownership_describes_the_lead_and_has_a_brief_if_the_owner_is_another(changes, kind):
    """The lead is as it was last scored; the trigger is the last news, not the decay that it was scored by."""
    policy = routing_policy_with((rep("one"),))
    lead = emit_ownership_change(
        changes, policy, kind, KEPT, DECISION, previous_owner="two", previous_queue="bdr", reason="sla",
        at=LATER, actor=Actor("crm", "two"),
    )  # fmt: skip
    assert lead == replace(KEPT, sequence=6)
    ben = AccountContactRow(lead_id("ben"), "kestrel.example", Person(first_name="Ben", title="CTO"))
    brief = build_brief(
        replace(DECAYED, trigger=NEWS), "bant", at=LATER, owner="One", contacts=[ben], name_of=str.title
    )
    assert emitted(changes) == kind(
        lead_id=lead_id("ana"),
        revision=3,
        sequence=6,
        account="kestrel.example",
        decision=DECISION,
        previous_owner="two",
        previous_queue="bdr",
        reason="sla",
        occurred_at=LATER,
        actor=Actor("crm", "two"),
        person=SCORED.person,
        company=SCORED.company,
        score=SCORED.score,
        trigger=NEWS,
        sla=Sla(None),
        brief=brief if kind is LeadReassignedV1 else None,
    )


def test_a_lead_whose_score_was_not_kept_changes_its_owner_without_a_brief(changes):
    policy = routing_policy_with((rep("one"),))
    emit_ownership_change(changes, policy, LeadReassignedV1, LEAD, DECISION, reason="sla", at=LATER)
    data = emitted(changes)
    assert (data.person, data.brief, data.decision) == (None, None, DECISION)


def test_a_hand_off_carries_its_notes(changes):
    notes, policy = {"budget": "approved"}, routing_policy_with((rep("one"),))
    emit_ownership_change(
        changes, policy, LeadHandedOffV1, KEPT, DECISION, reason="handoff", at=LATER, notes=notes
    )
    data = emitted(changes)
    assert (data.notes, data.previous_owner, data.brief.warm_intro[-9:]) == (notes, None, "Best, One")


def test_events_of_one_decision_have_consecutive_sequences(changes):
    lead = emit_suppressed(changes, LEAD, SCORED, Suppression("spam"), policy_version="v", at=LATER)
    policy = routing_policy_with()
    emit_ownership_change(changes, policy, LeadAlertedV1, lead, DECISION, reason="high_intent", at=LATER)
    assert [emit.data.sequence for emit in changes.emits] == [6, 7]


def test_the_decision_after_an_action_names_the_assignment_and_the_rule_that_routed_the_lead():
    """The owner may hold the lead in another queue than the one it was routed to."""
    assert decision_of(LEAD, "moved", ASSIGNMENT, "on holiday") == Decision(
        "moved", "bdr", "work", "one", "fits", ["on holiday"], []
    )
    nurtured = replace(LEAD, motion="nurture", rule="nurture")
    assert decision_of(nurtured, "waiting", None, "rejected") == Decision(
        "waiting", "sdr", "nurture", None, "nurture", ["rejected"], []
    )

"""Hand-offs: notes, what must be known first, reps who join, and a lead that was won."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.router.domain.ownership import active_assignment, joined_assignments
from services.router.domain.state import RepQueueRow
from services.router.policy import RoutingPolicy, routing_policy_of
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Actor
from shared.policy.compiled import compiled
from shared.policy.load import load, texts_in
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from tests.support.scored_leads import AT, lead_id

CONFIG = Path("config")
LEARNT = {"need": "reports by hand", "timeline": "June"}
GOALS = {"products": ["reports"], "contacts": "ana, ben", "goals": "two days a week"}


def example_policy() -> RoutingPolicy:
    """The default policy with the example of hand-offs."""
    texts = {**texts_in(CONFIG), **texts_in(CONFIG / "examples" / "hand-off")}
    return routing_policy_of(compiled(load(texts)))


@pytest.fixture
def selling(simulate):
    """A router with the example policy, and a lead that an SDR handed to a senior AE, who accepted it."""
    router = simulate(example_policy())
    router.score(message=None)
    router.act("accept")
    router.at += timedelta(days=1)
    assert router.act("handoff", rep=router.owner(), to="senior-ae", notes=LEARNT) is Outcome.APPLIED
    router.act("accept")
    return router


def outcome(type_: str) -> OutcomeReceivedV1:
    return OutcomeReceivedV1(type=type_, at=AT, lead_id=lead_id("ana"))  # type: ignore[arg-type]


def joined(router: Any) -> list[tuple[str, str]]:
    changes = ChangeSet(router.rows)
    return [(row.rep, row.queue) for row in joined_assignments(changes, lead_id("ana"))]


def test_a_hand_off_carries_the_lead_its_notes_and_a_brief_for_the_new_owner(simulate):
    router = simulate(example_policy())
    router.score(message=None)
    first = router.owner()
    actor = Actor("key of Ana", first)
    router.act("handoff", rep=first, to="senior-ae", notes=LEARNT, reason="qualified", actor=actor)
    [(type_, event)] = router.emitted
    owner = router.owner()
    assert (type_, event["previous_owner"], event["previous_queue"]) == ("lead.handed_off", first, "sdr")
    assert (event["decision"]["owner"], event["decision"]["queue"]) == (owner, "senior-ae")
    assert (event["person"]["first_name"], event["company"]["name"]) == ("Ana", "Kestrel")
    assert (event["reason"], event["notes"]) == ("qualified", LEARNT)
    assert event["actor"] == {"key": "key of Ana", "rep": first}
    assert event["sla"]["accept_by"] is not None
    brief = event["brief"]
    names = example_policy().reps
    assert brief["hand_off"] == {"by": names[first].name, "notes": LEARNT}
    assert names[owner].name in brief["warm_intro"]
    assert brief["qualification"]["frame"] == "meddpicc"


@pytest.mark.parametrize(
    ("message", "notes", "applied"),
    [
        (None, LEARNT, True),
        (None, {"need": "reports"}, False),
        (None, {"need": "reports", "timeline": " "}, False),
        (None, {"need": "reports", "timeline": "tbd"}, False),
        (None, {"need": "n/a", "timeline": ["unknown"]}, False),
        ("We lose two days a week to hand-made reports.", {"timeline": "June"}, True),
        ("We lose two days a week to hand-made reports.", {"need": "tbd", "timeline": "June"}, True),
    ],
)
def test_notes_or_the_buyer_must_say_what_the_queue_demands(simulate, message, notes, applied: bool):
    router = simulate(example_policy())
    router.score(message=message)
    done = router.act("handoff", rep=router.owner(), to="senior-ae", notes=notes)
    assert done is (Outcome.APPLIED if applied else Outcome.UNCHANGED)


def test_earlier_notes_count_and_are_passed_on_by_the_last_owner(selling):
    """The AE gives it back with nothing new: need and timeline are known by the SDR's notes."""
    ae = selling.owner()
    assert selling.act("handoff", rep=ae, to="sdr", notes={"budget": "60k"}) is Outcome.APPLIED
    sdr = selling.owner()
    assert selling.act("handoff", to="senior-ae", notes={"need": "dashboards"}) is Outcome.APPLIED
    brief = selling.emitted[0][1]["brief"]
    assert brief["hand_off"]["notes"] == {"need": "dashboards", "budget": "60k", "timeline": "June"}
    names = example_policy().reps
    assert brief["hand_off"]["by"] == names[sdr].name
    assert brief["hand_off"]["noted_by"] == {"budget": names[ae].name, "timeline": names["sdr-1"].name}
    assert f"Budget: 60k (noted by {names[ae].name})" in brief["markdown"]


def test_a_buyer_is_not_told_the_name_of_a_key(simulate):
    router = simulate(example_policy())
    router.score(message=None)
    router.act("handoff", to="senior-ae", notes=LEARNT, actor=Actor("crm-sync", None))
    brief = router.emitted[0][1]["brief"]
    assert "Handed over by crm-sync" in brief["markdown"]
    assert "my colleague passed our conversation on to me" in brief["warm_intro"]


def test_a_sales_engineer_joins_and_the_owner_stays(selling):
    ae = selling.owner()
    done = selling.act("handoff", rep=ae, to="se", notes={"decision_criteria": "SSO"}, actor=Actor("k", ae))
    assert done is Outcome.APPLIED
    [(type_, event)] = selling.emitted
    assert (type_, event["joined"]) == ("lead.handed_off", {"rep": "se-1", "queue": "se"})
    assert (event["decision"]["change"], event["decision"]["owner"]) == ("kept", ae)
    assert event["decision"]["queue"] == "senior-ae"
    assert event["brief"]["hand_off"]["notes"]["decision_criteria"] == "SSO"
    assert (event["person"]["first_name"], event["company"]["name"]) == ("Ana", "Kestrel")
    assert (selling.owner(), joined(selling)) == (ae, [("se-1", "se")])
    # The rep has a credit and an open lead of the queue, and nothing to accept.
    row = selling.rows.get(RepQueueRow, "se", "se-1")
    assert (row.credits, row.open_leads) == (1, 1)
    owned = active_assignment(ChangeSet(selling.rows), lead_id("ana"))
    assert owned is not None
    assert (owned.rep, owned.state, selling.sla_due_at()) == (ae, "accepted", None)


def test_who_joined_does_not_join_again_and_another_may(selling):
    notes = {"decision_criteria": "SSO"}
    for expected in (["se-1"], ["se-1", "se-2"]):
        assert selling.act("handoff", to="se", notes=notes) is Outcome.APPLIED
        assert [rep for rep, _queue in joined(selling)] == expected
        selling.at += timedelta(minutes=1)
    assert selling.act("handoff", to="se", notes=notes) is Outcome.UNCHANGED
    assert selling.act("handoff", to="se-1", notes=notes) is Outcome.UNCHANGED


def test_who_joined_stays_when_the_owner_changes_and_leaves_when_the_lead_is_closed(selling):
    selling.act("handoff", to="se-2", notes={"decision_criteria": "SSO"})
    other = "ae-2" if selling.owner() == "ae-1" else "ae-1"
    selling.act("reassign", to=other)
    assert (selling.owner(), joined(selling)) == (other, [("se-2", "se")])
    selling.receive(outcome("won"))
    assert (selling.owner(), joined(selling)) == (None, [])
    assert selling.rows.get(RepQueueRow, "se", "se-2").open_leads == 0


def test_who_joined_may_leave_and_the_next_one_of_the_queue_joins(selling):
    ae = selling.owner()
    selling.act("handoff", to="se-2", notes={"decision_criteria": "SSO"})
    assert selling.act("reject", rep="se-1") is Outcome.UNCHANGED
    assert selling.act("reject", rep="se-2", reason="wrong_person") is Outcome.APPLIED
    [(type_, event)] = selling.emitted
    assert (type_, event["joined"]["rep"], event["reason"]) == ("lead.handed_off", "se-1", "se-2 left")
    assert (selling.owner(), joined(selling)) == (ae, [("se-1", "se")])
    assert selling.act("reject", rep="se-1") is Outcome.APPLIED
    assert (selling.emitted, selling.owner(), joined(selling)) == ([], ae, [])
    assert selling.act("handoff", to="se-2", notes={}) is Outcome.UNCHANGED


def test_the_owner_who_asked_for_help_took_the_lead_from_nobody(simulate):
    router = simulate(example_policy())
    router.score(grade="A1")
    router.act("handoff", to="se", rep=router.owner(), notes={"decision_criteria": "SSO"})
    assert "passed" not in router.emitted[0][1]["brief"]["warm_intro"]
    assert router.emitted[0][1]["brief"]["hand_off"]["notes"] == {"decision_criteria": "SSO"}


def test_a_colleague_of_the_account_is_joined_by_the_same_rep(selling):
    selling.act("handoff", to="se-2", notes={"decision_criteria": "SSO"})
    selling.score("ben", account="ana.example")
    assert selling.owner("ben") == selling.owner()
    selling.act("handoff", "ben", to="se", notes={"decision_criteria": "SSO"})
    assert selling.emitted[0][1]["joined"]["rep"] == "se-2"


def test_a_won_lead_goes_on_to_customer_success(selling):
    ae = selling.owner()
    selling.receive(outcome("won"))
    assert selling.act("handoff", rep="ae-0", to="csm", notes=GOALS) is Outcome.UNCHANGED
    assert selling.act("handoff", rep=ae, to="csm", notes={"products": "x"}) is Outcome.UNCHANGED
    assert selling.act("handoff", rep=ae, to="se", notes=GOALS) is Outcome.UNCHANGED
    for type_ in ("accept", "reject", "reassign"):
        assert selling.act(type_, rep=ae, to="csm") is Outcome.UNCHANGED
    assert selling.act("handoff", rep=ae, to="csm", notes=GOALS) is Outcome.APPLIED
    [(type_, event)] = selling.emitted
    assert (type_, event["previous_owner"], event["notes"]) == ("lead.handed_off", ae, GOALS)
    assert (event["decision"]["queue"], event["decision"]["change"]) == ("csm", "moved")
    assert event["brief"]["qualification"]["frame"] == "bant"
    assert event["brief"]["hand_off"]["notes"] == {**GOALS, **LEARNT}
    lead = selling.lead()
    assert (lead.status, lead.queue, selling.owner()) == ("routed", "csm", "csm-1")
    # What the customer asks next is for customer success.
    selling.act("accept")
    selling.score(revision=2, sequence=2, grade="A1")
    assert (selling.owner(), selling.decision()["rule"]) == ("csm-1", "existing-owner")


@pytest.mark.parametrize("status", ["lost", "won"])
def test_a_closed_lead_takes_no_other_action(selling, status: str):
    ae = selling.owner()
    selling.receive(outcome(status))
    for type_ in ("accept", "reject", "reassign", "snooze"):
        until = selling.at + timedelta(days=1)
        assert selling.act(type_, rep=ae, until=until) is Outcome.UNCHANGED
    done = selling.act("handoff", rep=ae, to="csm", notes=GOALS)
    assert done is (Outcome.APPLIED if status == "won" else Outcome.UNCHANGED)

"""What happens to a lead after it was routed, in full detail: rows, events and their order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.router.domain.escalation import escalate
from services.router.domain.fairness import LEAD
from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.lifecycle import assign_waiting
from services.router.domain.ownership import ROLE
from services.router.domain.ownership_changes import DecisionContext
from services.router.domain.state import AssignmentRow, RepQueueRow
from services.router.policy import RoutingPolicy
from shared.lead.events.outcome_received import Amount, OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.identity import identify
from shared.lead.ids import derive_id, event_cause
from shared.policy.hours import parse_hours
from shared.policy.models import Queue, Rep
from shared.storage.change_set import ChangeSet
from shared.storage.rows import Put
from shared.worker.decision import Outcome
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id, scored_lead

QUEUES = {
    "sdr": queue("4h"),
    "bdr": queue("1h", fallback="sdr"),
    "senior-ae": queue("15m", fallback="sdr"),
}


def policy_of(*reps: Rep, queues: dict[str, Queue] | None = None) -> RoutingPolicy:
    return routing_policy_with(reps or (rep("one"), rep("two"), rep("dual", "bdr", "sdr")), queues or QUEUES)


def outcome(type_: str, **given: Any) -> OutcomeReceivedV1:
    return OutcomeReceivedV1(type=type_, at=AT, **(given or {"lead_id": lead_id("ana")}))  # type: ignore[arg-type]


def row_of(router: Any, rep_id: str, queue_: str = "sdr") -> RepQueueRow:
    row: RepQueueRow = router.rows.get(RepQueueRow, queue_, rep_id)
    return row


# Accepting


@pytest.mark.parametrize(
    "type_", ["accepted", "reply", "meeting_booked", "meeting_held", "opportunity", "pilot_started"]
)
def test_an_outcome_that_needs_an_owner_counts_as_accepting_the_lead(router, type_):
    router.score()
    router.at += timedelta(hours=1)
    assert router.receive(outcome(type_)) is Outcome.APPLIED
    [assignment] = router.assignments()
    assert (assignment.state, assignment.accepted_at, assignment.closed_at) == ("accepted", AT, None)
    assert router.sla_due_at() is None
    assert router.emitted == []
    assert router.receive(outcome(type_)) is Outcome.UNCHANGED


@pytest.mark.parametrize("type_", ["accepted", "rejected"])
def test_nobody_accepts_or_rejects_the_lead_of_somebody_else_by_an_outcome(router, type_):
    router.score()
    owner = router.owner()
    assert router.receive(outcome(type_, lead_id=lead_id("ana"), rep="somebody")) is Outcome.UNCHANGED
    assert (router.owner(), router.assignments()[0].state) == (owner, "open")
    assert router.receive(outcome(type_, lead_id=lead_id("ana"), rep=owner)) is Outcome.APPLIED


def test_accepting_keeps_the_lead_open_in_the_count_of_the_rep(router):
    router.score()
    router.act("accept", rep="sdr-1")
    assert row_of(router, "sdr-1").open_leads == 1


@pytest.mark.parametrize("until", [None, AT, AT - timedelta(hours=1)])
def test_a_snooze_needs_a_time_in_the_future(router, until: datetime | None):
    router.score()
    assert router.act("snooze", until=until) is Outcome.UNCHANGED
    assert router.sla_due_at() == AT + timedelta(hours=4)


def test_a_snooze_that_is_ended_leaves_the_clock_as_it_was(router):
    router.score()
    before = router.assignments()
    assert router.act("snooze", until=AT + timedelta(days=1)) is Outcome.APPLIED
    assert router.act("snooze", until=AT + timedelta(days=2)) is Outcome.APPLIED
    assert router.act("snooze", until=None) is Outcome.APPLIED  # back to the snooze before
    assert router.assignments()[0].accept_by == AT + timedelta(days=1)
    assert router.act("snooze", until=None) is Outcome.UNCHANGED
    assert before[0].accept_by == AT + timedelta(hours=4)


def test_a_snooze_is_stored_with_the_assignment_and_has_no_effect_once_accepted(router):
    router.score()
    until = AT + timedelta(days=1)
    assert router.act("snooze", until=until) is Outcome.APPLIED
    assert router.assignments()[0].accept_by == until
    router.act("accept")
    assert router.act("snooze", until=until + timedelta(days=1)) is Outcome.UNCHANGED
    assert router.sla_due_at() is None


# Ending


@pytest.mark.parametrize("type_", ["won", "lost"])
def test_a_won_or_lost_lead_ends_its_assignment_and_frees_the_rep(router, type_):
    router.score()
    router.at += timedelta(hours=1)
    assert router.receive(outcome(type_)) is Outcome.APPLIED
    [assignment] = router.assignments()
    assert (assignment.state, assignment.closed_at) == (type_, router.at)
    assert (row_of(router, "sdr-1").open_leads, row_of(router, "sdr-1").credits) == (0, 1)
    assert router.sla_due_at() is None
    lead = router.lead()
    assert lead is not None
    assert lead.status == type_
    assert router.receive(outcome(type_)) is Outcome.UNCHANGED


def test_the_end_of_a_lead_is_an_event_with_reason_amount_and_who_had_it(router):
    router.score()
    owner = router.owner()
    won = outcome("won", lead_id=lead_id("ana"), reason="best offer", amount=Amount(1_000, "EUR"))
    router.receive(won)
    [(type_, event)] = router.emitted
    assert type_ == "lead.closed"
    assert (event["status"], event["reason"], event["amount"]) == (
        "won", "best offer", {"value": 1_000, "currency": "EUR"},
    )  # fmt: skip
    assert (event["previous_owner"], event["previous_queue"]) == (owner, "sdr")
    assert (event["decision"]["change"], event["decision"]["owner"]) == ("closed", None)
    assert event["person"]["first_name"] == "Ana"
    assert "brief" not in event


def test_a_lead_is_closed_whether_it_is_owned_listed_or_waiting_and_may_end_otherwise_later(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score("waits")
    router.score("listed", grade="D3", employees=None)
    for name in ("waits", "listed"):
        assert router.receive(outcome("lost", lead_id=lead_id(name))) is Outcome.APPLIED
        assert router.lead(name).status == "lost"
    assert router.assign_waiting() is Outcome.UNCHANGED
    assert router.receive(outcome("won", lead_id=lead_id("waits"))) is Outcome.APPLIED
    assert (router.lead("waits").status, router.event_types()) == ("won", ["lead.closed"])
    assert router.receive(outcome("accepted", lead_id=lead_id("waits"))) is Outcome.UNCHANGED


def test_a_suppressed_lead_stays_suppressed(router):
    router.score(opted_out=True)
    assert router.receive(outcome("won")) is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("reason", "emitted"), [("too busy", "too busy"), (" ", "rejected"), (None, "rejected")]
)
def test_a_rejection_by_outcome_reassigns_like_a_rejection_by_action(simulate, reason, emitted):
    router = simulate(policy_of())
    router.score()
    first = router.owner()
    assert router.receive(outcome("rejected", lead_id=lead_id("ana"), reason=reason)) is Outcome.APPLIED
    assert router.event_types() == ["lead.reassigned"]
    event = router.emitted[0][1]
    assert (event["previous_owner"], event["reason"]) == (first, emitted)
    assert (event["decision"]["change"], event["decision"]["reasons"]) == ("moved", [emitted])
    assert [assignment.state for assignment in router.assignments()] == ["rejected", "open"]
    assert router.owner() not in (None, first)


def test_actions_on_unknown_leads_change_nothing_and_outcomes_wait(router):
    for type_ in ("accept", "reject", "handoff", "reassign", "snooze"):
        assert router.act(type_, "nobody", until=AT + timedelta(days=1)) is Outcome.UNCHANGED
    for type_ in ("won", "accepted", "rejected"):
        assert router.receive(outcome(type_, lead_id=lead_id("nobody"))) is Outcome.PARKED
    assert router.receive(outcome("won", email="no address")) is Outcome.UNCHANGED


def test_a_lead_without_an_owner_is_accepted_by_no_outcome_and_takes_no_action_but_reassign(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score()
    assert router.receive(outcome("accepted")) is Outcome.UNCHANGED
    for type_ in ("accept", "reject", "handoff", "snooze"):
        assert router.act(type_, until=AT + timedelta(days=1)) is Outcome.UNCHANGED
    assert router.act("reassign", to="one") is Outcome.APPLIED
    assert (router.decision()["change"], router.owner()) == ("assigned", "one")


# Reassigning


def test_a_reassignment_emits_the_decision_in_full(simulate):
    router = simulate(policy_of())
    router.score(account="kestrel.example")
    router.at += timedelta(minutes=5)
    router.act("reassign", to="two", reason="on holiday")
    [(type_, event)] = router.emitted
    assert type_ == "lead.reassigned"
    brief = event.pop("brief")
    assert (brief["warm_intro"][-9:], brief["trigger"]["type"]) == ("Best, Two", "demo_request")
    scored = msgspec.to_builtins(scored_lead(account="kestrel.example"))
    assert event == {
        "person": scored["person"],
        "company": scored["company"],
        "score": scored["score"],
        "trigger": {"kind": "lead", "event_id": "cause-1", "type": "demo_request"},
        "sla": {"accept_by": "2026-03-02T13:05:00Z"},
        "previous_queue": "sdr",
        "lead_id": lead_id("ana"),
        "revision": 1,
        "sequence": 2,
        "account": "kestrel.example",
        "decision": {
            "change": "moved",
            "queue": "sdr",
            "motion": "work",
            "owner": "two",
            "rule": "fits",
            "reasons": ["on holiday"],
            "considered": [],
        },
        "previous_owner": "dual",
        "reason": "on holiday",
        "occurred_at": "2026-03-02T09:05:00Z",
    }
    first, second = router.assignments()
    assert (first.state, first.closed_at) == ("moved", router.at)
    assert (second.sequence, second.opened_at, second.account) == (2, router.at, "kestrel.example")
    assert second.accept_by == router.sla_due_at() == router.at + timedelta(hours=4)


def test_a_rep_of_another_queue_gets_the_lead_in_that_queue(simulate):
    router = simulate(policy_of(rep("one"), rep("dual", "bdr", "sdr"), rep("bee", "bdr")))
    router.score()
    assert router.owner() == "dual"
    router.act("reassign", to="bee")
    assert (router.decision()["queue"], router.emitted[0][1]["reason"]) == ("bdr", "reassign")
    lead = router.lead()
    assert lead is not None
    assert lead.queue == "bdr"
    router.act("reassign", to="dual")
    assert router.decision()["queue"] == "bdr"


@pytest.mark.parametrize("to", ["dual", "idle", "nobody"])
def test_a_lead_is_not_reassigned_to_its_owner_or_to_a_rep_without_queues(simulate, to):
    idle = rep("idle").model_copy(update={"queues": ()})
    router = simulate(policy_of(rep("dual"), rep("two"), idle))
    router.score()
    assert router.owner() == "dual"
    assert router.act("reassign", to=to) is Outcome.UNCHANGED
    assert router.emitted == []
    assert len(router.assignments()) == 1


def test_a_reassignment_within_a_queue_skips_who_rejected_the_lead_and_uses_no_fallback(simulate):
    router = simulate(policy_of(rep("one"), rep("two"), rep("bee", "bdr")))
    router.score()
    router.act("reject", rep="one")
    assert router.owner() == "two"
    assert router.act("reassign") is Outcome.UNCHANGED
    router.act("reassign", to="bdr")
    assert router.owner() == "bee"
    assert router.act("reassign") is Outcome.UNCHANGED


def test_a_hand_off_emits_its_notes_and_its_default_reason(simulate):
    router = simulate(policy_of())
    router.score()
    router.act("handoff", rep="dual", to="one", notes={"need": "reports"})
    [(type_, event)] = router.emitted
    assert type_ == "lead.handed_off"
    assert (event["notes"], event["reason"], event["previous_owner"]) == (
        {"need": "reports"},
        "handoff",
        "dual",
    )
    assert event["sequence"] == 2


def test_notes_of_a_reassignment_are_not_a_hand_off(router):
    router.score()
    router.act("reassign", to="sdr-2", notes={"need": "reports"})
    assert router.event_types() == ["lead.reassigned"]
    assert [assignment.state for assignment in router.assignments()] == ["moved", "open"]


# Waiting


def test_a_rejected_lead_that_waits_is_assigned_when_somebody_becomes_eligible(simulate):
    router = simulate(policy_of(rep("one"), rep("two")))
    router.set_available("two", available=False)
    router.score()
    router.at += timedelta(minutes=1)
    router.act("reject", rep="one")
    lead = router.lead()
    assert lead is not None
    assert (lead.status, lead.waiting_since, lead.released_by) == ("waiting", router.at, "one")
    assert router.emitted[0][1]["previous_owner"] == "one"
    assert router.decision()["considered"] == [
        {"skipped": "excluded", "rep": "one"},
        {"skipped": "unavailable", "rep": "two"},
    ]
    router.at += timedelta(minutes=1)
    assert router.assign_waiting() is Outcome.UNCHANGED
    assert router.emitted == []
    router.set_available("two", available=True)
    assert router.assign_waiting() is Outcome.APPLIED
    [(type_, event)] = router.emitted
    assert type_ == "lead.reassigned"
    assert (event["previous_owner"], event["reason"], event["sequence"]) == (None, "drained", 3)
    assert event["decision"] == {
        "change": "assigned",
        "queue": "sdr",
        "motion": "work",
        "owner": "two",
        "rule": "fits",
        "reasons": ["drained"],
        "considered": [{"skipped": "excluded", "rep": "one"}],
        "turn": {
            "reps": 1,
            "weight": 100,
            "credits": 0,
            "share": {"credits": 0, "weight": 100, "balance": 0},
            "lead": LEAD,
        },
    }
    lead = router.lead()
    assert lead is not None
    assert (lead.status, lead.waiting_since, lead.sequence, lead.released_by) == ("routed", None, 3, None)
    assert event["brief"]["warm_intro"].endswith("Best, Two")
    assert router.assignments()[-1].opened_at == router.at


def test_a_rejected_lead_that_waits_may_go_to_the_fallback_queue(simulate):
    router = simulate(policy_of(rep("bee", "bdr"), rep("one", max_open=0)))
    router.score(employees=1_000)
    assert router.owner() == "bee"
    router.act("reject", rep="bee")
    assert router.decision()["change"] == "waiting"
    router.use_policy(policy_of(rep("bee", "bdr"), rep("one")))
    router.assign_waiting()
    assert (router.decision()["queue"], router.owner()) == ("sdr", "one")
    lead = router.lead()
    assert lead is not None
    assert lead.queue == "sdr"


def test_the_recurring_timer_is_set_again_two_seconds_later(router):
    router.assign_waiting()
    [timer] = [timer for timer in router.timers() if timer.role == ROLE]
    assert (timer.kind, timer.subject, timer.due_at) == ("drain", "", AT + timedelta(seconds=2))


# Escalation


def test_an_escalation_emits_that_the_owner_keeps_the_lead_for_now(simulate):
    router = simulate(policy_of(rep("one")))
    router.score()
    router.advance(timedelta(hours=4))
    [(type_, event)] = router.emitted
    assert type_ == "lead.escalated"
    assert (event["reason"], event["sequence"], event["previous_owner"]) == ("sla", 2, None)
    assert event["decision"]["change"] == "kept"
    nobody = "nobody else of sdr may have it now, so its owner keeps it"
    assert event["decision"]["reasons"] == ["not accepted in time", nobody]
    assert (event["decision"]["owner"], event["decision"]["queue"]) == ("one", "sdr")
    lead = router.lead()
    assert lead is not None
    assert lead.sequence == 2
    assert [assignment.state for assignment in router.assignments()] == ["open"]


def test_an_escalated_lead_skips_who_rejected_it_or_was_overdue(simulate):
    router = simulate(policy_of(rep("one"), rep("two"), rep("three"), rep("four")))
    router.score()
    first = router.owner()
    router.act("reject", rep=first)
    second = router.owner()
    router.advance(timedelta(hours=4))
    third = router.owner()
    assert [assignment.state for assignment in router.assignments()] == ["rejected", "overdue", "open"]
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision(1)["considered"]}
    assert {name for name, why in reasons.items() if why == "excluded"} == {first, second}
    router.advance(timedelta(hours=4))
    assert len({first, second, third, router.owner()}) == 4
    assert router.assignments()[1].closed_at == AT + timedelta(hours=4)


def test_a_policy_without_the_queue_sets_no_deadline(simulate):
    router = simulate(policy_of(rep("one")))
    router.score()
    router.use_policy(policy_of(rep("two", "bdr"), queues={"bdr": queue("1h")}))
    router.act("reassign", to="two")
    assert router.sla_due_at() == AT + timedelta(hours=1)
    router.use_policy(policy_of(rep("one"), queues={"bdr": queue("1h")}))
    router.act("reassign", to="one")
    assert (router.owner(), router.sla_due_at(), router.assignments()[-1].accept_by) == ("one", None, None)


# References


def test_actions_and_outcomes_on_an_alias_apply_to_the_lead_it_was_merged_into(router):
    router.score()
    router.rows.apply([Put(LeadAliasRow(lead_id("old"), lead_id("ana")))])
    assert router.act("accept", "old", rep="sdr-1") is Outcome.APPLIED
    assert router.receive(outcome("won", lead_id=lead_id("old"))) is Outcome.APPLIED
    assert router.assignments()[0].state == "won"


def test_an_outcome_with_an_id_ignores_the_email(router):
    router.score()
    other = identify(email="ben@kestrel.example")
    assert other is not None
    given = {"lead_id": lead_id("ana"), "email": "ben@kestrel.example"}
    assert router.receive(outcome("won", **given)) is Outcome.APPLIED


# Erasure


def test_an_erased_lead_keeps_its_assignments_under_a_pseudonym(simulate):
    router = simulate(policy_of())
    router.score(account=lead_id("ana"))
    router.score("ben", account="kestrel.example")
    router.act("reject", rep=router.owner())
    router.at += timedelta(hours=1)
    names = [lead_id("ana"), lead_id("ben")]
    assert router.receive(PersonErasedV1(names, "hash", router.at)) is Outcome.APPLIED
    assert router.emitted == []
    stored = {row.lead_id: row for row in router.rows.all(AssignmentRow) if row.state == "erased"}
    ana, ben = stored[f"hash of {lead_id('ana')}"], stored[f"hash of {lead_id('ben')}"]
    assert (ana.account, ana.closed_at) == (f"hash of {lead_id('ana')}", router.at)
    assert (ben.account, ben.closed_at) == ("kestrel.example", router.at)
    rejected = [row for row in router.rows.all(AssignmentRow) if row.state == "rejected"]
    assert [row.lead_id for row in rejected] == [f"hash of {lead_id('ana')}"]
    assert router.lead() is None
    assert router.lead("ben") is None


def test_what_the_briefs_of_colleagues_are_made_of_names_an_erased_person_no_more(simulate):
    router = simulate(policy_of())
    named = {"message": "Please call Ben Osei", "account": "kestrel.example"}
    router.score(**named)
    router.score("eva", **{**named, "account": "other.example"})
    router.act("handoff", rep=router.owner(), to="two", notes={"next": "ask Ben Osei"})
    mentions = [f"hash of {name}" for name in ("name:ben osei",)]
    erased = PersonErasedV1(
        [lead_id("ben")], "hash", router.at, accounts=["kestrel.example"], mentions=mentions
    )
    router.receive(erased)
    lead, elsewhere = router.lead(), router.lead("eva")
    assert b"Osei" not in lead.scored
    assert lead.hand_off.notes == {"next": "ask [erased]"}
    assert b"Osei" in elsewhere.scored
    router.act("reassign", to="dual" if router.owner() != "dual" else "one")
    assert "Osei" not in str(router.emitted[0][1]["brief"])


# What a decision depends on


NIGHT = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 20:00-24:00")}


def test_an_action_accepts_the_lead_at_the_time_of_the_decision(router):
    router.score()
    router.at += timedelta(minutes=7)
    router.act("accept", rep="sdr-1")
    assert router.assignments()[0].accepted_at == router.at


@pytest.mark.parametrize("decide", ["reject", "reassign", "escalate"])
def test_the_next_owner_is_somebody_who_is_at_work_now(simulate, decide):
    router = simulate(policy_of(rep("day"), rep("late", **NIGHT), rep("zoe")))
    router.score()
    assert router.owner() == "day"
    if decide == "escalate":
        router.advance(timedelta(hours=4))
    else:
        router.act(decide)
    assert router.owner() == "zoe"
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision(-1)["considered"]}
    assert reasons["late"] == "off_hours"


def test_a_waiting_lead_is_assigned_when_a_shift_begins(simulate):
    router = simulate(policy_of(rep("day"), rep("late", **NIGHT)))
    router.score()
    router.act("reject", rep="day")
    assert router.assign_waiting() is Outcome.UNCHANGED
    router.at = AT.replace(hour=20)
    assert router.assign_waiting() is Outcome.APPLIED
    assert router.owner() == "late"


def test_an_overdue_lead_stays_in_its_queue_and_a_rejected_one_may_go_to_the_fallback(simulate):
    policy = policy_of(rep("bee", "bdr"), rep("one"))
    router = simulate(policy)
    router.score(employees=1_000)
    router.advance(timedelta(hours=1))
    assert (router.event_types(), router.owner()) == (["lead.escalated"], "bee")
    router.act("reject", rep="bee")
    assert (router.decision()["change"], router.decision()["queue"], router.owner()) == (
        "moved",
        "sdr",
        "one",
    )


def test_an_escalation_has_the_time_at_which_it_was_decided(simulate):
    router = simulate(policy_of(rep("one")))
    router.score()
    router.advance(timedelta(hours=5))
    assert router.emitted[0][1]["occurred_at"] == "2026-03-02T14:00:00Z"


def test_a_rep_of_the_leads_queue_gets_it_there_even_if_another_queue_comes_first(simulate):
    router = simulate(policy_of(rep("one"), rep("two", "bdr", "sdr")))
    router.set_available("two", available=False)
    router.score()
    router.act("reassign", to="two")
    assert (router.owner(), router.decision()["queue"]) == ("two", "sdr")


def test_a_reassignment_without_a_receiver_passes_over_the_owner_whatever_the_weights(simulate):
    router = simulate(policy_of(rep("one", weight=100), rep("two", weight=1)))
    router.score()
    assert router.owner() == "one"
    assert router.act("reassign") is Outcome.APPLIED
    assert router.owner() == "two"


def test_a_waiting_lead_that_a_manager_assigns_is_not_routed_again(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score()
    lead = router.lead()
    assert lead is not None
    assert lead.scored is not None
    router.act("reassign", to="one")
    lead = router.lead()
    assert lead is not None
    assert (lead.status, lead.waiting_since) == ("routed", None)
    assert router.assign_waiting() is Outcome.UNCHANGED


def test_the_id_of_an_assignment_follows_from_its_cause_so_that_a_repeated_decision_writes_the_same_row(
    simulate,
):
    routers = [simulate(policy_of()) for _ in range(2)]
    for router in routers:
        router.score()
        router.act("reassign", to="two")
        router.act("reject", rep="two")
    first, second = ([assignment.id for assignment in router.assignments()] for router in routers)
    assert first == second
    assert len({*first}) == 3
    score_id = f"{lead_id('ana')}-1"
    causes = [
        event_cause("/baton/scorer", score_id),
        event_cause("/test", "received-1"),
        event_cause("/test", "received-2"),
    ]
    assert [derive_id("assignment", lead_id("ana"), cause, n + 1) for n, cause in enumerate(causes)] == first


def test_a_timer_of_a_lead_that_needs_no_escalation_changes_nothing(router):
    """Its lead may be unknown, without an owner, or accepted."""
    context = DecisionContext(routing_policy_with(), AT, "timer")
    assert escalate(ChangeSet(router.rows), context, lead_id("nobody")) is False
    router.score()
    router.act("accept", rep="sdr-1")
    assert escalate(ChangeSet(router.rows), context, lead_id("ana")) is False
    router.receive(outcome("won"))
    assert escalate(ChangeSet(router.rows), context, lead_id("ana")) is False
    assert escalate(ChangeSet(router.rows), context, lead_id("ana")) is False


def test_an_overdue_lead_that_nobody_else_may_have_is_escalated_all_the_same(simulate):
    policy = policy_of(rep("one"))
    router = simulate(policy)
    router.score()
    changes = ChangeSet(router.rows)
    assert (
        escalate(changes, DecisionContext(policy, AT + timedelta(hours=4), "timer"), lead_id("ana")) is True
    )
    assert len(changes.emits) == 1


def test_only_a_waiting_lead_is_assigned_by_the_recurring_timer(router):
    context = DecisionContext(routing_policy_with(), AT, "timer")
    assert assign_waiting(ChangeSet(router.rows), context, lead_id("nobody")) is False
    router.score()
    assert assign_waiting(ChangeSet(router.rows), context, lead_id("ana")) is False


def test_a_waiting_lead_that_was_never_owned_is_routed_again_by_its_stored_score(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score()
    router.use_policy(policy_of(rep("one")))
    changes = ChangeSet(router.rows)
    assert assign_waiting(changes, DecisionContext(policy_of(rep("one")), AT, "cause-9"), lead_id("ana"))
    [assignment] = changes.find(AssignmentRow, "lead_id", lead_id("ana"))
    assert assignment.id == derive_id("assignment", lead_id("ana"), "cause-9", 2)

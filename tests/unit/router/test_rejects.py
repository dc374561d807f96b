"""What a rejection does by its reason: rows, timers, events; and that nobody gets back what they rejected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.ownership import ROLE
from services.router.domain.rejections import REJECTED_BY_MAX
from services.router.domain.rejects import RECYCLE
from services.router.domain.state import AssignmentRow, RepQueueRow, RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Actor, Trigger
from shared.lead.events.person_erased import PersonErasedV1
from shared.policy.models import Rep
from shared.storage.rows import Put, Remove
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id

QUEUES = {
    "sdr": queue("4h"),
    "bdr": queue("1h", fallback="sdr"),
    "senior-ae": queue("15m", fallback="sdr"),
}
DAYS_90 = timedelta(days=90)


def policy_of(*reps: Rep) -> RoutingPolicy:
    return routing_policy_with(reps or (rep("one"), rep("two"), rep("three")), QUEUES)


@pytest.fixture
def team(simulate):
    """A router with three SDRs, of whom one has the lead."""
    router = simulate(policy_of())
    router.score()
    router.at += timedelta(hours=1)
    return router


def standing(router: Any) -> dict[str, tuple[int, int]]:
    """Credits and balance of each SDR."""
    return {row.rep: (row.credits, row.balance) for row in router.rows.all(RepQueueRow) if row.queue == "sdr"}


def lead_of(router: Any, name: str = "ana") -> RoutedLeadRow:
    lead: RoutedLeadRow | None = router.lead(name)
    assert lead is not None
    return lead


@pytest.mark.parametrize("reason", ["not_icp", "Bad data", "SPAM", "student"])
def test_a_disqualified_lead_is_closed_and_a_new_form_opens_it_again(team, reason: str):
    first = team.owner()
    assert team.act("reject", rep=first, reason=reason, actor=Actor("key", first)) is Outcome.APPLIED
    [(type_, event)] = team.emitted
    known = reason.casefold().replace(" ", "_")
    assert (type_, event["status"], event["reason"]) == ("lead.closed", "disqualified", known)
    assert (event["previous_owner"], event["previous_queue"]) == (first, "sdr")
    assert event["actor"] == {"key": "key", "rep": first}
    assert (event["decision"]["change"], event["decision"]["owner"]) == ("closed", None)
    [ended] = team.assignments()
    assert (ended.active, ended.reason) == (False, known)
    assert (lead_of(team).status, team.owner(), team.sla_due_at()) == ("disqualified", None, None)
    # A re-score is no reason to open it, whatever it says; a new form is.
    assert team.score(sequence=2, grade="A1", trigger="signal", news=Trigger("signal", "s", "funding_round"))
    assert (team.emitted, lead_of(team).status) == ([], "disqualified")
    team.score(sequence=3, revision=2)
    assert team.event_types() == ["lead.routed"]
    assert team.owner() not in (None, first)


def test_an_opt_out_holds_for_a_disqualified_lead_too(team):
    team.act("reject", reason="not_icp")
    team.score(sequence=2, trigger="signal", opted_out=True)
    assert (team.event_types(), lead_of(team).status) == (["lead.suppressed"], "suppressed")


def test_a_recycled_lead_is_nurtured_and_routed_again_by_the_timer(team):
    first = team.owner()
    team.act("reject", rep=first, reason="no_budget")
    [(type_, event)] = team.emitted
    assert (type_, event["reason"], event["previous_owner"]) == ("lead.reassigned", "no_budget", first)
    decision = event["decision"]
    assert (decision["change"], decision["motion"], decision["owner"]) == ("listed", "nurture", None)
    assert decision["reasons"] == ["no_budget", f"routed again on {team.at + DAYS_90:%Y-%m-%d}"]
    lead = lead_of(team)
    assert (lead.status, lead.motion, lead.recycle_at) == ("listed", "nurture", team.at + DAYS_90)
    due_at = team.at + DAYS_90
    timer = team.rows.get(TimerRow, lead_id("ana"), ROLE, RECYCLE)
    assert timer == TimerRow(subject=lead_id("ana"), role=ROLE, kind=RECYCLE, due_at=due_at)
    team.advance(timedelta(days=89))
    assert team.owner() is None
    team.advance(timedelta(days=1))
    assert team.event_types() == ["lead.routed"]
    assert team.emitted[0][1]["decision"]["change"] == "assigned"
    assert team.owner() not in (None, first)
    lead = lead_of(team)
    assert (lead.status, lead.motion, lead.recycle_at) == ("routed", "work", None)
    assert team.rows.get(TimerRow, lead_id("ana"), ROLE, RECYCLE) is None


@pytest.mark.parametrize(
    ("reason", "emitted", "followed"),
    [
        ("no_budget", [], "; asked to come back after 90 days"),
        ("wrong_territory", ["lead.routed", "lead.reassigned"], ""),
        (None, ["lead.reassigned"], ""),
    ],
)
def test_the_next_owner_reads_why_the_one_before_rejected_the_lead(
    team, reason: str | None, emitted: list[str], followed: str
):
    first = team.owner()
    team.act("reject", rep=first, reason=reason, actor=Actor("key", first))
    if not emitted:
        team.advance(DAYS_90)
        emitted = ["lead.routed"]
    assert team.event_types() == emitted
    assert team.owner() not in (None, first)
    why = ", without a reason" if reason is None else f": {reason.replace('_', ' ')}"
    for _type, event in team.emitted:
        [told] = event["brief"]["hand_off"]["rejections"]
        assert told["details"] == f"Rejected by {first.title()} on 2 March{why}{followed}"
        assert f"- {told['details']}\n" in event["brief"]["markdown"]
        assert (told["rep"], told["reason"]) == (first, reason or "rejected")
    # It stays in every later brief, also of a new form.
    team.score(sequence=9, revision=2)
    assert team.emitted[-1][1]["brief"]["hand_off"]["rejections"] == [told]


def test_a_recycled_lead_rests_unless_something_new_is_known_of_the_buyer(team):
    team.act("reject", reason="bad_timing")
    until = lead_of(team).recycle_at
    for sequence, trigger in ((2, "decay"), (3, "enrichment"), (4, "signal"), (5, "policy")):
        team.score(sequence=sequence, trigger=trigger)
        lead = lead_of(team)
        assert (team.emitted, lead.status, lead.recycle_at) == ([], "listed", until)
        assert lead.scored_sequence == sequence
    # A signal that routes it to another queue, and a new form, are news.
    team.score(sequence=6, trigger="signal", strong=True, grade="A1")
    assert (team.event_types(), lead_of(team).recycle_at) == (["lead.routed"], None)
    assert team.owner() is not None


def test_a_new_form_ends_the_rest_of_a_recycled_lead(team):
    first = team.owner()
    team.act("reject", rep=first, reason="bad_timing")
    team.score(sequence=2, revision=2)
    second = team.owner()
    assert second not in (None, first)
    team.advance(DAYS_90 - timedelta(hours=2))
    team.act("accept")
    team.advance(timedelta(hours=3))
    assert team.owner() is not None
    assert lead_of(team).recycle_at is None


def test_a_rep_of_the_queue_may_take_a_recycled_lead_but_not_the_one_who_rejected_it(team):
    first = team.owner()
    team.act("reject", rep=first, reason="bad_timing")
    assert team.act("accept", rep=first) is Outcome.UNCHANGED
    other = next(name for name in ("one", "two", "three") if name != first)
    assert team.act("accept", rep=other) is Outcome.APPLIED
    assert (team.owner(), lead_of(team).motion, lead_of(team).recycle_at) == (other, "work", None)
    team.advance(DAYS_90)
    assert team.owner() == other


def test_a_rerouted_lead_is_decided_again_without_the_rep(simulate):
    router = simulate(policy_of(rep("one"), rep("two"), rep("bee", "bdr")))
    router.score(account="kestrel.example")
    first = router.owner()
    router.act("accept")
    router.score("ben", account="kestrel.example")
    assert router.owner("ben") == first
    router.act("reject", "ben", rep=first, reason="wrong_territory")
    routed, moved = router.emitted
    assert (routed[0], moved[0]) == ("lead.routed", "lead.reassigned")
    # The account's owner rejected the lead, so that the rules decide: no owner is active for it.
    assert routed[1]["decision"]["rule"] == "fits"
    assert {"skipped": "excluded", "rep": first}.items() <= next(
        entry for entry in routed[1]["decision"]["considered"] if entry.get("rep") == first
    ).items()
    second = router.owner("ben")
    assert second not in (None, first)
    event = moved[1]
    assert (event["decision"]["change"], event["decision"]["owner"]) == ("moved", second)
    assert (event["previous_owner"], event["previous_queue"]) == (first, "sdr")
    assert (event["reason"], event["brief"]["markdown"] != "") == ("wrong_territory", True)


def test_a_rerouted_lead_without_anybody_left_waits(simulate):
    router = simulate(policy_of(rep("one")))
    router.score()
    router.act("reject", reason="wrong_person")
    assert router.event_types() == ["lead.reassigned"]
    assert (router.decision()["change"], lead_of(router).status) == ("waiting", "waiting")
    router.use_policy(policy_of(rep("one"), rep("two")))
    assert router.assign_waiting() is Outcome.APPLIED
    assert router.owner() == "two"


def test_any_other_rejection_goes_to_the_next_rep_of_the_queue(team):
    seen = [team.owner()]
    for reason in (None, "too busy"):
        team.act("reject", reason=reason)
        assert team.event_types() == ["lead.reassigned"]
        seen.append(team.owner())
    assert len({*seen}) == 3
    team.act("reject")
    assert (team.owner(), lead_of(team).status) == (None, "waiting")
    assert set(lead_of(team).rejected_by) == {*seen}


def test_by_an_outcome_an_unknown_reason_takes_the_last_rule_and_a_known_one_its_own(team):
    rejected = OutcomeReceivedV1("rejected", AT, lead_id=lead_id("ana"), reason="They went dark.")
    assert team.receive(rejected) is Outcome.APPLIED
    assert (team.event_types(), team.owner() is None) == (["lead.reassigned"], False)
    # By the next owner.
    assert team.receive(replace(rejected, reason="Not ICP", at=team.at)) is Outcome.APPLIED
    assert team.event_types() == ["lead.closed"]


# Credit back


def test_a_rejection_that_gives_the_credit_back_leaves_the_rotation_as_it_was(team):
    before = standing(team)
    team.score("ben")
    second = team.owner("ben")
    team.act("reject", "ben", rep=second, reason="bad_data")
    assert standing(team) == before
    assert team.assignments("ben")[0].credited_back
    team.score("cy")
    assert team.owner("cy") == second, "it is still that rep's turn"


def test_other_rejections_cost_a_turn(team):
    first = team.owner()
    team.act("reject", rep=first, reason="not_icp")
    assert standing(team)[first][0] == 1
    assert not team.assignments()[0].credited_back


def test_a_rep_who_has_left_gets_the_credit_back_too(team):
    first = team.owner()
    others = [name for name in ("one", "two", "three") if name != first]
    team.use_policy(policy_of(*map(rep, others)))
    team.act("reject", reason="spam")
    assert standing(team)[first][0] == 0
    assert sum(balance for _credits, balance in standing(team).values()) == 0


# For ever


def test_nobody_gets_back_what_they_rejected_even_when_the_assignment_is_forgotten(team):
    first = team.owner()
    team.act("reject", rep=first)
    for ended in team.assignments():
        if not ended.active:
            team.rows.apply([Remove(AssignmentRow, ended.key)])
            row = team.rows.get(RepQueueRow, "sdr", ended.rep)
            team.rows.apply([Put(replace(row, credits=row.credits - 1))])
    for revision in range(2, 12):
        team.score(sequence=revision, revision=revision, account=f"new-{revision}.example")
        assert team.owner() != first
        team.act("reassign", to="sdr")
        assert team.owner() != first
    assert team.act("reassign", to=first) is Outcome.UNCHANGED
    assert lead_of(team).rejected_by == (first,)


def test_who_rejected_a_lead_that_is_merged_does_not_get_the_other(team):
    first = team.owner()
    team.act("reject", rep=first, reason="spam")
    team.rows.apply([Remove(AssignmentRow, team.assignments()[0].key)])
    row = team.rows.get(RepQueueRow, "sdr", first)
    team.rows.apply([Put(replace(row, credits=0))])
    team.score("ben", merged=["ana"])
    assert team.owner("ben") not in (None, first)
    assert lead_of(team, "ben").rejected_by == (first,)
    assert [(one.rep, one.reason, one.disqualified) for one in lead_of(team, "ben").rejections] == [
        (first, "spam", True)
    ]


def test_the_list_of_who_rejected_a_lead_is_bounded(team):
    first = team.owner()
    many = tuple(f"rep-{number}" for number in range(REJECTED_BY_MAX))
    team.rows.apply([Put(replace(lead_of(team), rejected_by=many))])
    team.act("reject", rep=first)
    rejected = lead_of(team).rejected_by
    assert (len(rejected), rejected[-1], rejected[0]) == (REJECTED_BY_MAX, first, "rep-1")


def test_an_erased_lead_leaves_no_timer(team):
    team.act("reject", reason="bad_timing")
    team.receive(PersonErasedV1([lead_id("ana")], "hash", team.at))
    assert [timer for timer in team.timers() if timer.kind == RECYCLE] == []
    assert team.lead() is None

"""The decision on a scored lead in full detail: the stored rows, the assignments and the events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.router.domain.decide import choose_rep
from services.router.domain.state import AwayRepRow, RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.routing import Considered
from shared.lead.events.scoring import AccountView
from shared.policy.hours import parse_hours
from shared.policy.models import Queue, Rep
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id, scored_event, scored_lead

HOT = {"grade": "A1"}
QUEUES = {
    "sdr": queue("4h"),
    "bdr": queue("1h", fallback="sdr"),
    "senior-ae": queue("15m", fallback="sdr"),
}


def policy_of(*reps: Rep, queues: dict[str, Queue] | None = None) -> RoutingPolicy:
    return routing_policy_with(reps or (rep("one"), rep("two"), rep("ae", "senior-ae")), queues or QUEUES)


def lead_of(router: Any, name: str = "ana") -> RoutedLeadRow:
    lead: RoutedLeadRow = router.lead(name)
    return lead


def lose(router: Any, name: str = "ana") -> None:
    router.receive(OutcomeReceivedV1(type="lost", at=AT, lead_id=lead_id(name)))


# The lead's row


def test_a_routed_lead_is_stored_with_its_route_and_sequences(simulate):
    router = simulate(policy_of())
    router.score(account="kestrel.example", revision=2, sequence=5)
    assert lead_of(router) == RoutedLeadRow(
        lead_id=lead_id("ana"),
        account="kestrel.example",
        revision=2,
        scored_sequence=5,
        sequence=1,
        status="routed",
        queue="sdr",
        motion="work",
        rule="fits",
        high_intent=False,
    )


def test_a_waiting_lead_is_stored_with_its_score(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    event = scored_event(scored_lead(grade="D3", employees=None))
    router.process(event)
    lead = lead_of(router)
    assert (lead.status, lead.queue, lead.motion, lead.rule) == ("waiting", "sdr", "nurture", "nurture")
    assert (lead.waiting_since, lead.scored, lead.sequence) == (AT, event.raw, 1)


def test_a_waiting_lead_keeps_the_time_since_which_it_waits_and_stores_the_newer_score(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score()
    router.at += timedelta(minutes=1)
    newer = scored_event(scored_lead(sequence=2, revision=2))
    router.process(newer)
    lead = lead_of(router)
    assert (lead.waiting_since, lead.scored, lead.sequence) == (AT, newer.raw, 2)
    assert router.event_types() == ["lead.routed"]


def test_a_waiting_lead_that_is_sent_to_another_queue_emits(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score()
    assert router.score(sequence=2, trigger="signal", **HOT) is Outcome.APPLIED
    assert (router.decision()["change"], router.decision()["queue"]) == ("waiting", "senior-ae")


def test_a_score_that_changes_nothing_keeps_the_route_of_the_revision(simulate):
    """The row says by which rule the lead was routed, not which rule would match now."""
    router = simulate(policy_of())
    router.score()
    router.score(sequence=2, trigger="decay", grade="D3", employees=None)
    lead = lead_of(router)
    assert (lead.rule, lead.motion, lead.queue, lead.scored_sequence) == ("fits", "work", "sdr", 2)
    router.score(sequence=3, revision=2, grade="D3", employees=None)
    lead = lead_of(router)
    assert (lead.rule, lead.motion, lead.queue, lead.sequence) == ("existing-owner", "work", "sdr", 2)


# Owners


def test_an_owner_keeps_the_lead_with_the_queue_assignment_and_rules_of_the_decision(simulate):
    router = simulate(policy_of())
    router.score()
    router.score(revision=2, sequence=2, **{**HOT, "account": "ana.example", "grade": "B3"})
    decision = router.decision()
    assert (decision["change"], decision["queue"], decision["owner"]) == ("kept", "sdr", router.owner())
    assert {entry["rule"] for entry in decision["considered"]} == {
        "new-market", "partner", "high-intent", "strategic", "fits", "nurture",
    }  # fmt: skip
    assert router.emitted[0][1]["sla"] == {"accept_by": "2026-03-02T13:00:00Z"}


def test_an_owner_in_the_queue_of_the_route_keeps_the_lead(simulate):
    router = simulate(policy_of())
    router.score(**HOT)
    assert router.owner() == "ae"
    router.score(revision=2, sequence=2, **HOT)
    assert (router.decision()["change"], router.decision()["queue"], router.owner()) == (
        "kept",
        "senior-ae",
        "ae",
    )


def test_the_owner_keeps_a_high_intent_lead_that_nobody_in_the_other_queue_can_take(simulate):
    """The fallback is not used: it would only move the lead between equals."""
    router = simulate(policy_of())
    router.set_available("ae", available=False)
    router.score()
    router.score(revision=2, sequence=2, **HOT)
    decision = router.decision()
    assert (decision["change"], decision["queue"], decision["owner"]) == ("kept", "sdr", router.owner())
    reasons = {entry["rep"]: entry["skipped"] for entry in decision["considered"] if "rep" in entry}
    assert reasons == {"ae": "unavailable", "one": "not_in_queue", "two": "not_in_queue"}
    assert any("rule" in entry for entry in decision["considered"])
    assert router.emitted[0][1]["sla"] == {"accept_by": "2026-03-02T13:00:00Z"}


def test_a_moved_lead_ends_the_assignment_of_its_previous_owner(simulate):
    router = simulate(policy_of())
    router.score()
    router.at += timedelta(minutes=2)
    router.score(sequence=2, trigger="signal", **HOT)
    first, second = router.assignments()
    assert (first.state, first.closed_at) == ("moved", router.at)
    assert (second.rep, second.queue, second.sequence, second.opened_at) == ("ae", "senior-ae", 2, router.at)


def test_an_assignment_follows_its_lead_to_another_account(simulate):
    router = simulate(policy_of())
    router.score(account="ana.example")
    router.score(revision=2, sequence=2, account="kestrel.example")
    [assignment] = router.assignments()
    assert (assignment.account, assignment.active) == ("kestrel.example", True)
    assert router.decision()["owner"] == assignment.rep
    router.score("ben", account="kestrel.example")
    assert router.owner("ben") == assignment.rep
    router.score("cy", account="ana.example")
    assert router.decision()["rule"] == "fits"


def test_a_rep_who_rejected_the_lead_gets_it_neither_by_rotation_nor_as_account_owner(simulate):
    router = simulate(policy_of(rep("one"), rep("two")))
    router.score("ben", account="kestrel.example")
    owner = router.owner("ben")
    router.score("ana", account="kestrel.example")
    router.act("reject", "ana", rep=owner)
    assert router.owner("ana") not in (None, owner)
    lose(router)
    router.score("ana", account="kestrel.example", revision=2, sequence=2)
    assert router.owner("ana") not in (None, owner)
    reasons = {entry["rep"]: entry["skipped"] for entry in router.decision()["considered"] if "rep" in entry}
    assert reasons == {owner: "excluded"}


def test_a_high_intent_lead_of_an_owned_account_goes_to_the_queue_of_its_route(simulate):
    """A rule that keeps leads with an owner only matches one that the owner has accepted, or low intent."""
    router = simulate(policy_of())
    router.score("ana", account="kestrel.example")
    router.act("accept", "ana")
    router.score("ben", account="kestrel.example", **HOT)
    assert (router.decision()["rule"], router.owner("ben")) == ("high-intent", "ae")


def test_a_new_lead_joins_the_queue_in_which_its_account_is_owned(simulate):
    router = simulate(policy_of())
    router.score("ana", account="kestrel.example", **HOT)
    router.score("ben", account="kestrel.example")
    assert (router.decision()["rule"], router.decision()["queue"], router.owner("ben")) == (
        "existing-owner",
        "senior-ae",
        "ae",
    )
    assert all("rep" not in entry for entry in router.decision()["considered"])


# The events of a decision


def test_a_moved_lead_is_routed_and_then_reassigned_by_the_same_decision(simulate):
    router = simulate(policy_of())
    router.score()
    router.at += timedelta(minutes=2)
    router.score(sequence=2, trigger="signal", **HOT)
    [(_, routed), (_, reassigned)] = router.emitted
    assert reassigned["decision"] == routed["decision"]
    assert (routed["decision"]["motion"], routed["decision"]["reasons"]) == (
        "work",
        ["score fit grade is A, one of A, B", "score intent grade is 1"],
    )
    assert (reassigned["previous_owner"], reassigned["reason"]) == ("one", "high-intent")
    assert routed["occurred_at"] == reassigned["occurred_at"] == "2026-03-02T09:02:00Z"


def test_an_alert_has_the_decision_by_which_the_owner_keeps_the_lead(simulate):
    router = simulate(policy_of())
    router.score()
    router.act("accept")
    router.at += timedelta(minutes=2)
    router.score(sequence=2, trigger="signal", **HOT)
    [(type_, alerted)] = router.emitted
    assert (type_, alerted["reason"], alerted["occurred_at"]) == (
        "lead.alerted",
        "high_intent",
        "2026-03-02T09:02:00Z",
    )
    decision = alerted["decision"]
    assert (decision["change"], decision["owner"], decision["rule"]) == ("kept", "one", "existing-owner")
    assert decision["reasons"] == ["owner active is yes", "owner accepted is yes"]


def test_a_nurtured_lead_keeps_its_motion_when_a_new_score_changes_nothing(simulate):
    router = simulate(policy_of())
    router.score(grade="D3", employees=None)
    assert router.decision()["motion"] == "nurture"
    router.score(sequence=2, trigger="decay", grade="D4", employees=None)
    assert (lead_of(router).motion, lead_of(router).rule) == ("nurture", "nurture")


# Suppression


def test_a_suppressed_lead_is_withdrawn_from_its_owner_and_stored_with_the_reason(simulate):
    router = simulate(policy_of())
    router.score()
    router.at += timedelta(minutes=3)
    assert router.score(sequence=2, trigger="signal", opted_out=True) is Outcome.APPLIED
    [assignment] = router.assignments()
    assert (assignment.state, assignment.closed_at) == ("withdrawn", router.at)
    lead = lead_of(router)
    assert (lead.status, lead.rule, lead.queue, lead.sequence) == ("suppressed", "opted_out", "", 2)
    [(_type, event)] = router.emitted
    assert event["occurred_at"] == "2026-03-02T09:03:00Z"
    assert event["policy_versions"] == {"scored": "scored-by", "routed": policy_of().version}


def test_a_new_score_of_a_suppressed_lead_emits_only_for_another_reason(simulate):
    router = simulate(policy_of())
    assert router.score(opted_out=True) is Outcome.APPLIED
    assert router.score(sequence=2, trigger="signal", opted_out=True) is Outcome.UNCHANGED
    assert (lead_of(router).scored_sequence, lead_of(router).status) == (2, "suppressed")
    competitor = AccountView(relation="competitor", market_validated=True)
    assert router.score(sequence=3, trigger="signal", view=competitor) is Outcome.APPLIED
    assert router.decision() == {"reason": "competitor"}


def test_a_suppressed_lead_whose_reason_has_gone_is_routed(simulate):
    router = simulate(policy_of())
    router.score(opted_out=True)
    assert router.score(sequence=2, trigger="signal") is Outcome.APPLIED
    assert (router.decision()["change"], lead_of(router).status) == ("assigned", "routed")


# Closed leads


@pytest.mark.parametrize("trigger", ["decay", "enrichment", "outcome", "policy"])
def test_a_lost_lead_is_not_reopened_by_a_score_without_news(simulate, trigger):
    router = simulate(policy_of())
    router.score()
    lose(router)
    assert router.score(sequence=2, trigger=trigger, **HOT) is Outcome.UNCHANGED
    lead = lead_of(router)
    assert (lead.queue, lead.motion, lead.rule, lead.scored_sequence) == ("sdr", "work", "fits", 2)
    assert router.owner() is None


def test_a_lost_lead_is_reopened_by_news_only_if_they_lead_to_another_queue(simulate):
    router = simulate(policy_of())
    router.score()
    lose(router)
    assert router.score(sequence=2, trigger="signal", grade="D3", employees=None) is Outcome.UNCHANGED
    assert (lead_of(router).rule, lead_of(router).motion) == ("fits", "work")
    assert router.score(sequence=3, trigger="signal", **HOT) is Outcome.APPLIED
    assert router.owner() == "ae"


def test_a_lost_lead_of_an_owned_account_stays_closed(simulate):
    router = simulate(policy_of())
    router.score("ben", account="kestrel.example", **HOT)
    router.score("ana", account="kestrel.example")
    lose(router)
    assert router.score(account="kestrel.example", sequence=2, trigger="signal") is Outcome.UNCHANGED


# Choosing a rep


def chosen(
    policy: RoutingPolicy, queue_: str, *away: str, excluded: tuple[str, ...] = (), use_fallback: bool = True
) -> tuple[str | None, str, dict[Any, str]]:
    changes = ChangeSet(IdentityMap([AwayRepRow(id_) for id_ in away]))
    selection, from_queue = choose_rep(changes, policy, queue_, AT, excluded, use_fallback=use_fallback)
    considered: list[tuple[Any, str]] = [(entry.rep, entry.skipped) for entry in selection.considered]
    assert len(dict(considered)) == len(considered)
    return selection.rep, from_queue, dict(considered)


def test_the_fallback_is_used_when_nobody_in_the_queue_is_eligible_and_every_rep_has_one_reason():
    policy = policy_of(rep("both", "bdr", "sdr"), rep("one"), rep("two"), rep("ae", "senior-ae"))
    assert chosen(policy, "bdr", "both") == (
        "one",
        "sdr",
        {"both": "unavailable", "two": "lower_share", "ae": "not_in_queue"},
    )
    assert chosen(policy, "bdr") == (
        "both",
        "bdr",
        {"one": "not_in_queue", "two": "not_in_queue", "ae": "not_in_queue"},
    )


def test_when_nobody_is_eligible_in_the_fallback_either_the_lead_stays_in_its_queue():
    policy = policy_of(rep("bee", "bdr"), rep("one"), rep("ae", "senior-ae"))
    assert chosen(policy, "bdr", "bee", excluded=("one",)) == (
        None,
        "bdr",
        {"bee": "unavailable", "one": "excluded", "ae": "not_in_queue"},
    )


def test_the_fallback_is_not_used_when_it_is_not_wanted_or_not_there():
    policy = policy_of(rep("bee", "bdr"), rep("one"))
    assert chosen(policy, "bdr", "bee", use_fallback=False)[:2] == (None, "bdr")
    assert chosen(policy, "sdr", "one") == (None, "sdr", {"one": "unavailable", "bee": "not_in_queue"})


def test_a_rep_of_the_fallback_queue_who_is_off_hours_is_not_chosen():
    evening = {"time_zone": "UTC", "hours": parse_hours("Mon-Fri 18:00-22:00")}
    policy = policy_of(rep("bee", "bdr"), rep("late", **evening), rep("one"))
    assert chosen(policy, "bdr", "bee") == ("one", "sdr", {"bee": "unavailable", "late": "off_hours"})


def test_nobody_is_chosen_from_a_queue_that_the_policy_does_not_have():
    selection, from_queue = choose_rep(
        ChangeSet(IdentityMap()), policy_of(), "gone", AT, (), use_fallback=True
    )
    assert (selection.rep, selection.considered, from_queue) == (None, (), "gone")


def test_the_reasons_of_a_choice_are_about_reps_only():
    selection, _queue = choose_rep(
        ChangeSet(IdentityMap()), policy_of(rep("one"), rep("two")), "sdr", AT, (), use_fallback=True
    )
    assert selection.considered == (Considered("lower_share", rep="two"),)

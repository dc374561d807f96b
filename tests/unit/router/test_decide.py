"""The decision on a scored lead in full detail: the stored rows, the assignments and the events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.router.domain.rotation import choose_rep
from services.router.domain.state import AwayRepRow, RepQueueRow, RoutedLeadRow
from services.router.policy import ANYBODY, RoutingPolicy
from shared.lead.events.account_enriched import FoundContact
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Person, Trigger
from shared.lead.events.routing import Considered
from shared.lead.events.scoring import AccountView
from shared.policy.hours import parse_hours
from shared.policy.models import Queue, Rep
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome
from tests.support.routing_policies import default_policy, queue, rep, routing_policy_with
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
    event = scored_event(scored_lead(account="kestrel.example", revision=2, sequence=5))
    router.process(event)
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
        scored=event.raw,
    )


def test_a_waiting_lead_is_stored_with_its_score(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    event = scored_event(scored_lead())
    router.process(event)
    lead = lead_of(router)
    assert (lead.status, lead.queue, lead.motion, lead.rule) == ("waiting", "sdr", "work", "fits")
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
    assert router.score(sequence=2, trigger="decay") is Outcome.UNCHANGED
    lead = lead_of(router)
    assert (lead.rule, lead.motion, lead.queue, lead.scored_sequence) == ("fits", "work", "sdr", 2)
    router.score(sequence=3, revision=2)
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
    assert reasons == {"ae": "unavailable", "two": "not_in_queue"}, "the owner is no alternative"
    assert decision["reasons"][-1] == "nobody in senior-ae may have it now, so its owner keeps it"
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
    [(_, _), (type_, alerted)] = router.emitted
    assert (type_, alerted["reason"], alerted["occurred_at"]) == (
        "lead.alerted",
        "high_intent",
        "2026-03-02T09:02:00Z",
    )
    decision = alerted["decision"]
    assert (decision["change"], decision["owner"], decision["rule"]) == ("kept", "one", "existing-owner")
    assert decision["reasons"] == ["owner active is yes", "owner accepted is yes"]


# What a score of the same revision says

COLD = {"grade": "D3", "employees": None}


def test_a_new_grade_is_said_with_a_new_brief_and_nothing_else_changes(simulate):
    router = simulate(policy_of())
    router.score()
    router.score(sequence=2, trigger="decay", grade="C3")
    [(type_, updated)] = router.emitted
    assert (type_, updated["reason"], updated["score"]["grade"]) == (
        "lead.updated", "grade B3 is now C3", "C3",
    )  # fmt: skip
    assert (updated["decision"]["change"], updated["decision"]["owner"]) == ("kept", router.owner())
    assert updated["brief"]["warm_intro"].endswith(f"Best, {router.owner().title()}")
    assert updated["trigger"] == {"kind": "lead", "event_id": "cause-1", "type": "demo_request"}
    assert (lead_of(router).rule, len(router.assignments())) == ("fits", 1)


def test_news_are_said_once_and_stay_the_trigger_until_there_are_newer_ones(simulate):
    router = simulate(policy_of())
    router.score()
    funding = Trigger("signal", "news-1", "funding_round")
    router.score(sequence=2, news=funding)
    assert [(type_, data["reason"]) for type_, data in router.emitted] == [
        ("lead.updated", "news: funding_round")
    ]
    assert router.score(sequence=3, trigger="decay", news=funding) is Outcome.UNCHANGED
    router.score(sequence=4, trigger="decay", grade="C3", news=funding)
    assert router.emitted[0][1]["trigger"] == msgspec.to_builtins(funding)


@pytest.mark.parametrize("trigger", ["enrichment", "outcome", "policy", "decay"])
def test_a_score_without_news_says_what_more_is_known(simulate, trigger):
    router = simulate(policy_of())
    router.score()
    known = Person(email="ana@kestrel.example", first_name="Ana", title="VP Sales", phone="+15551234567")
    assert router.score(sequence=2, trigger=trigger, person=known) is Outcome.APPLIED
    [(type_, updated)] = router.emitted
    assert (type_, updated["reason"]) == ("lead.updated", "more is known of the person or the company")
    assert (updated["person"]["phone"], updated["trigger"]["kind"]) == ("+15551234567", "lead")
    assert router.score(sequence=3, trigger=trigger, person=known) is Outcome.UNCHANGED


def test_people_found_at_the_account_are_said_to_the_owner_in_words(simulate):
    router = simulate(policy_of())
    router.score()
    ines = FoundContact("Ines Moreau", "VP Finance", "economic_buyer", "apollo", 0.8, 8, AT)
    assert router.score(sequence=2, trigger="enrichment", found=[ines]) is Outcome.APPLIED
    [(type_, updated)] = router.emitted
    assert (type_, updated["reason"]) == ("lead.updated", "1 person found at the account: economic buyer")
    assert updated["brief"]["stakeholders"][-1] == {
        "name": "Ines Moreau", "title": "VP Finance", "role": "economic_buyer", "known_from": "apollo",
    }  # fmt: skip
    assert router.score(sequence=3, trigger="enrichment", found=[ines]) is Outcome.UNCHANGED
    router.score(sequence=4, trigger="enrichment")
    assert router.emitted[0][1]["reason"] == "who is known at the account has changed"


def test_a_new_band_is_routed_anew_to_the_same_owner(simulate):
    router = simulate(policy_of())
    router.score()
    hot = scored_lead(sequence=2, trigger="decay")
    router.process(scored_event(replace(hot, score=replace(hot.score, band="sql"))))
    [(type_, routed)] = router.emitted
    assert (type_, routed["decision"]["change"], routed["decision"]["owner"]) == (
        "lead.routed", "kept", router.owner(),
    )  # fmt: skip


# Nurture


def test_a_nurture_lead_is_listed_without_owner_clock_and_credit(simulate):
    router = simulate(policy_of())
    router.score(**COLD)
    decision = router.decision()
    assert (decision["change"], decision["motion"], decision["owner"]) == ("listed", "nurture", None)
    assert (lead_of(router).status, lead_of(router).waiting_since) == ("listed", None)
    assert (router.assignments(), router.sla_due_at(), router.rows.all(RepQueueRow)) == ([], None, [])
    assert router.assign_waiting() is Outcome.UNCHANGED


def test_a_nurture_lead_that_says_hello_again_stays_nurture_and_one_that_rises_is_worked(simulate):
    router = simulate(policy_of())
    router.score(**COLD)
    router.score(revision=2, sequence=2, **COLD)
    assert (router.decision()["change"], router.decision()["motion"]) == ("listed", "nurture")
    assert router.score(sequence=3, revision=2, trigger="decay", **COLD) is Outcome.UNCHANGED
    router.score(sequence=4, revision=2, trigger="signal")
    assert (router.decision()["change"], router.decision()["motion"]) == ("assigned", "work")
    assert len(router.assignments()) == 1


def test_a_waiting_lead_that_falls_to_nurture_waits_no_more(simulate):
    router = simulate(policy_of(rep("one", max_open=0)))
    router.score()
    router.score(sequence=2, trigger="decay", **COLD)
    assert router.decision()["change"] == "listed"
    assert (lead_of(router).status, lead_of(router).waiting_since) == ("listed", None)


def nurturing() -> RoutingPolicy:
    """A policy that sends leads without a fit to nurture, whoever owns them."""
    rules = tuple(rule for rule in default_policy().routing.rules if rule.name in ("fits", "nurture"))
    return routing_policy_with((rep("one"), rep("two")), QUEUES, rules=rules)


def test_an_owned_lead_that_turns_nurture_keeps_its_owner_and_loses_its_clock(simulate):
    router = simulate(nurturing())
    router.score()
    router.score(sequence=2, trigger="decay", **COLD)
    [(type_, routed)] = router.emitted
    assert (type_, routed["decision"]["change"], routed["decision"]["motion"]) == (
        "lead.routed",
        "kept",
        "nurture",
    )
    assert (routed["decision"]["owner"], routed["sla"]) == (router.owner(), {"accept_by": None})
    assert router.sla_due_at() is None
    router.at += timedelta(days=1)
    router.score(sequence=3, trigger="signal")
    assert (router.decision()["change"], router.decision()["motion"]) == ("kept", "work")
    assert router.sla_due_at() == router.at + timedelta(hours=4)


def test_a_nurture_lead_whose_owner_left_the_team_is_listed(simulate):
    router = simulate(nurturing())
    router.score()
    owner = router.owner()
    left = {"one": "two", "two": "one"}[owner]
    router.use_policy(
        routing_policy_with((rep(left),), QUEUES, rules=nurturing().compiled.policy.routing.rules)
    )
    router.score(sequence=2, trigger="decay", **COLD)
    assert router.event_types() == ["lead.routed", "lead.reassigned"]
    assert (router.decision()["change"], router.emitted[1][1]["previous_owner"]) == ("listed", owner)
    assert router.owner() is None


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
    assert (event["previous_owner"], event["previous_queue"]) == (assignment.rep, "sdr")
    assert event["occurred_at"] == "2026-03-02T09:03:00Z"
    assert event["policy_versions"] == {"scored": "scored-by", "routed": policy_of().version}


def test_a_new_score_of_a_suppressed_lead_emits_only_for_another_reason(simulate):
    router = simulate(policy_of())
    assert router.score(opted_out=True) is Outcome.APPLIED
    assert router.score(sequence=2, trigger="signal", opted_out=True) is Outcome.UNCHANGED
    assert (lead_of(router).scored_sequence, lead_of(router).status) == (2, "suppressed")
    competitor = AccountView(relation="competitor", market_validated=True)
    assert router.score(sequence=3, trigger="signal", view=competitor) is Outcome.APPLIED
    assert router.decision()["reason"] == "competitor"


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
    assert (lead.status, router.owner()) == ("lost", None)


def test_a_lost_lead_is_opened_by_a_new_revision(simulate):
    router = simulate(policy_of())
    router.score()
    lose(router)
    router.score(revision=2, sequence=2)
    assert (router.decision()["change"], lead_of(router).status) == ("assigned", "routed")


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
    selection, from_queue = choose_rep(
        changes, policy, queue_, AT, excluded, use_fallback=use_fallback, demands=ANYBODY
    )
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
        ChangeSet(IdentityMap()), policy_of(), "gone", AT, (), use_fallback=True, demands=ANYBODY
    )
    assert (selection.rep, selection.considered, from_queue) == (None, (), "gone")


def test_the_reasons_of_a_choice_are_about_reps_only():
    selection, _queue = choose_rep(
        ChangeSet(IdentityMap()),
        policy_of(rep("one"), rep("two")),
        "sdr",
        AT,
        (),
        use_fallback=True,
        demands=ANYBODY,
    )
    assert selection.considered == (Considered("lower_share", rep="two"),)

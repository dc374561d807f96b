"""The explanation of a decision from its recorded events, with and without the policy that decided."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.gateway.domain.explain import DecisionRecord, RecordedChange, explain
from services.router.domain.explain import explain_route
from services.router.policy import routing_policy_of
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.parts import FieldSource, Person
from shared.lead.events.routing import (
    Brief,
    BriefTrigger,
    Considered,
    Decision,
    PolicyVersions,
    Qualification,
    Sla,
    Suppression,
)
from shared.lead.events.scoring import Score, ScoreLine
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load
from tests.support.scored_leads import AT, scored_lead

SCORED = scored_lead("ana", employees=2_000)
COMMON = ("lead_id", "revision", "sequence", "account", "trigger", "person", "company", "provenance", "score")


@pytest.fixture(scope="module")
def policy() -> CompiledPolicy:
    return compiled(load(Path("config")))


def decision(rule: str, *considered: Considered, owner: str | None = "bdr-1", queue: str = "bdr") -> Decision:
    return Decision("assigned", queue, "work", owner, rule, ["because"], [*considered])


def routed(decision: Decision, lead: LeadScoredV1 = SCORED) -> LeadRoutedV1:
    brief = Brief(
        company=lead.company,
        pain=[],
        stakeholders=[],
        trigger=BriefTrigger("lead"),
        qualification=Qualification("bant", []),
        score_lines=[],
        ask_next=[],
        warm_intro="",
        markdown="",
    )
    return LeadRoutedV1(
        **fields(lead),
        decision=decision,
        sla=Sla(None),
        brief=brief,
        policy_versions=PolicyVersions("scored-by", "routed-by"),
    )


def suppressed(reason: str, lead: LeadScoredV1 = SCORED) -> LeadSuppressedV1:
    return LeadSuppressedV1(
        **fields(lead), decision=Suppression(reason), policy_versions=PolicyVersions("s", "r")
    )


def fields(lead: LeadScoredV1) -> dict[str, Any]:
    return {name: getattr(lead, name) for name in (*COMMON, "occurred_at")}


def record(**more: Any) -> DecisionRecord:
    return DecisionRecord(SCORED.lead_id, **more)


def test_nothing_is_explained_before_anything_is_recorded():
    explanation = explain(record(), None)
    assert (explanation.score, explanation.decision, explanation.facts) == (None, None, None)
    assert (explanation.fields, explanation.enrichment) == ([], None)
    assert explanation.summary == "Enriched, not scored yet"


def test_an_enriched_lead_has_its_fields_with_their_sources():
    source = FieldSource("hunter", 0.9, 2, AT)
    enriched = LeadEnrichedV1(
        **{
            name: getattr(SCORED, name)
            for name in LeadEnrichedV1.__struct_fields__
            if name not in ("person", "provenance")
        },
        person=Person(email="ana@kestrel.example"),
        provenance={"person.email": source},
    )
    found = {field.field: field for field in explain(record(enriched=enriched), None).fields}
    email = found["person.email"]
    assert (email.value, email.source, email.confidence, email.cost) == (
        "ana@kestrel.example",
        "hunter",
        0.9,
        2,
    )
    assert found["company.employees"].source is None
    assert "person.phone" not in found, "a field without a value is left out"
    assert "company.technologies" not in found, "and so is an empty list"


def test_the_score_is_that_of_the_routing_when_the_scored_event_is_gone():
    explanation = explain(record(routed=routed(decision("strategic"))), None)
    assert explanation.score is not None
    assert explanation.score.grade == SCORED.score.grade
    assert (explanation.facts, explanation.scoring) == (None, None)


@given(st.lists(st.tuples(st.sampled_from(["fit", "intent", "signal"]), st.integers(-100, 100)), max_size=8))
def test_a_score_reconciles_exactly_when_its_lines_sum_to_fit_and_intent(lines: list[tuple[str, int]]):
    fit = sum(points for part, points in lines if part == "fit")
    intent = sum(points for part, points in lines if part != "fit")
    parts = [ScoreLine(part, "rule", "fact", points, "why") for part, points in lines]  # type: ignore[arg-type]
    for extra in (0, 1):
        lead = replace(SCORED, score=Score(fit + intent, fit + extra, intent, "B3", "mql", None, parts))
        score = explain(record(scored=lead), None).score
        assert score is not None
        assert score.reconciles == (extra == 0)


def test_without_the_policy_the_rules_are_in_the_recorded_order_with_the_taken_one_between():
    considered = (
        Considered("earlier_match", rule="nurture"),
        Considered("no_match", rule="new-market"),
        Considered("lower_share", rep="bdr-2"),
        Considered("unknown_field", rule="partner"),
    )
    found = explain(record(scored=SCORED, routed=routed(decision("strategic", *considered))), None).decision
    assert found is not None
    assert [(rule.rule, rule.result) for rule in found.rules] == [
        ("new-market", "no_match"),
        ("partner", "unknown_field"),
        ("strategic", "taken"),
        ("nurture", "earlier_match"),
    ]
    assert [(rep.rep, rep.result) for rep in found.reps] == [("bdr-1", "taken"), ("bdr-2", "lower_share")]
    assert all(rule.when is None and rule.because == [] for rule in found.rules)


def test_a_lead_that_waits_has_no_rep_that_was_taken():
    waiting = decision("strategic", Considered("unavailable", rep="bdr-1"), owner=None)
    waiting = replace(waiting, change="waiting")
    explanation = explain(record(scored=SCORED, routed=routed(waiting)), None)
    assert explanation.decision is not None
    assert [(rep.rep, rep.result) for rep in explanation.decision.reps] == [("bdr-1", "unavailable")]
    assert explanation.summary == "It waits in bdr for somebody who may have it, by rule strategic (grade B3)"


def test_with_the_policy_each_rule_has_its_condition_and_the_comparisons_that_decided(policy: CompiledPolicy):
    route = explain_route(SCORED, None, routing_policy_of(policy), AT)
    taken = decision(route.rule, Considered("no_match", rule="new-market"), queue=route.queue or "")
    explanation = explain(record(scored=SCORED, routed=routed(taken)), policy, policy)
    assert explanation.decision is not None
    rules = {rule.rule: rule for rule in explanation.decision.rules}
    assert rules[route.rule].result == "taken"
    assert rules[route.rule].because
    assert rules["new-market"].when is not None
    assert explanation.counterfactuals == route.counterfactuals
    assert explanation.scoring is not None
    assert explanation.policy.stored


def test_a_decision_that_the_policy_would_not_make_again_has_no_counterfactuals(policy: CompiledPolicy):
    other = next(
        rule.name
        for rule in policy.policy.routing.rules
        if not rule.keeps and rule.name != explain_route(SCORED, None, routing_policy_of(policy), AT).rule
    )
    explanation = explain(record(scored=SCORED, routed=routed(decision(other))), policy)
    assert explanation.counterfactuals == []
    assert explanation.decision is not None
    assert all(rule.because == [] for rule in explanation.decision.rules)


def test_a_decision_that_kept_the_owner_is_replayed_with_that_owner(policy: CompiledPolicy):
    keeping = next(rule for rule in policy.policy.routing.rules if rule.keeps)
    kept = decision(keeping.name, owner="sdr-1", queue="sdr")
    explanation = explain(record(scored=SCORED, routed=routed(kept)), policy)
    assert explanation.decision is not None
    rules = {rule.rule: rule for rule in explanation.decision.rules}
    assert rules[keeping.name].because, "the comparison with the owner's queue is among them"


def test_a_suppression_names_its_reason_as_the_rule(policy: CompiledPolicy):
    opted_out = scored_lead("ana", opted_out=True)
    reason = next(rule.reason for rule in policy.policy.routing.suppress)
    event = suppressed(reason, opted_out)
    for known in (None, policy):
        explanation = explain(record(scored=opted_out, routed=event), known)
        assert explanation.decision is not None
        assert (explanation.decision.suppressed, explanation.decision.queue) == (reason, None)
        assert [rule.rule for rule in explanation.decision.rules] == [reason]
        assert (explanation.decision.rules[0].when is not None) == (known is not None)
        assert explanation.summary == f"Suppressed: {reason}" + (
            "" if known is None else " (consent opted out is yes)"
        )


def test_later_changes_of_owner_are_listed_and_the_last_one_ends_the_summary():
    changes = [
        RecordedChange(
            f"c{number}",
            "baton.lead.reassigned.v1",
            LeadReassignedV1(
                SCORED.lead_id, 1, 2 + number, "a.example", decision("x", owner=owner), "bdr-1", reason, AT
            ),
        )
        for number, (owner, reason) in enumerate([("bdr-2", "knows them"), (None, "rejected")])
    ]
    explanation = explain(record(scored=SCORED, routed=routed(decision("strategic")), changes=changes), None)
    assert [(change.event_id, change.owner, change.reason) for change in explanation.since] == [
        ("c0", "bdr-2", "knows them"),
        ("c1", None, "rejected"),
    ]
    assert explanation.summary.endswith("since then rejected: nobody")


def test_what_a_person_decided_has_no_rules_and_the_reason_that_was_given(policy: CompiledPolicy):
    reassigned = LeadReassignedV1(
        SCORED.lead_id,
        1,
        2,
        "a.example",
        replace(decision("fits"), change="moved"),
        "bdr-2",
        "knows them",
        AT,
    )
    explanation = explain(record(scored=SCORED, routed=reassigned), policy)
    assert explanation.decision is not None
    assert (explanation.decision.rules, explanation.decision.reproduced) == ([], None)
    assert explanation.summary == "bdr-1 gets it in bdr: knows them"
    assert explanation.counterfactuals == []


def test_the_event_of_a_move_is_not_something_since(policy: CompiledPolicy):
    moved = LeadReassignedV1(
        SCORED.lead_id, 1, 2, "a.example", decision("strategic"), "sdr-1", "strategic", SCORED.occurred_at
    )
    later = replace(moved, sequence=3, occurred_at=SCORED.occurred_at + timedelta(hours=1))
    changes = [RecordedChange(str(one.sequence), "baton.lead.reassigned.v1", one) for one in (moved, later)]
    explanation = explain(
        record(scored=SCORED, routed=routed(decision("strategic")), changes=changes), policy
    )
    assert [change.event_id for change in explanation.since] == ["3"]

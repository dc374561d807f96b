from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.router.domain.explain import RouteExplanation, explain_route
from services.router.domain.route import decide_route
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.scoring import AccountView
from shared.lead.facts import ActiveOwner, facts_of
from shared.policy.models import RoutingRule, SuppressionRule
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.rules.times import parse_duration
from tests.support.routing_policies import default_routing_policy, routing_policy_with
from tests.support.scored_leads import AT, scored_lead

POLICY = default_routing_policy()


def explained(owner: ActiveOwner | None = None, **lead) -> RouteExplanation:
    return explain_route(scored_lead(**lead), owner, POLICY, AT)


def with_funding(lead: LeadScoredV1, days: int) -> LeadScoredV1:
    return replace(lead, company=replace(lead.company, last_funding_at=AT - timedelta(days=days)))


def says(explanation: RouteExplanation) -> list[str]:
    return [entry.says for entry in explanation.counterfactuals]


def test_a_counterfactual_is_the_smallest_change_of_a_number():
    assert "with 300 more employees: bdr" in says(explained(employees=700))
    assert "with 200 fewer employees: sdr" not in says(explained(employees=700))
    assert "with 1 fewer employees: sdr" in says(explained(employees=1_000))


def test_a_counterfactual_says_the_present_value_and_the_other_one():
    found = explained(employees=999).counterfactuals
    to_bdr = next(entry for entry in found if (entry.field, entry.queue) == ("company.employees", "bdr"))
    assert (to_bdr.now, to_bdr.then, to_bdr.rule) == (999, 1_000, "strategic")
    assert to_bdr.says == "with 1 more employees: bdr"


def test_a_counterfactual_of_a_missing_field_has_the_value_it_would_need():
    found = explained(employees=None, grade="D4")
    assert "with employees 1,000: bdr" in says(found)
    strategic = next(entry for entry in found.rules if entry.rule == "strategic")
    assert strategic.verdict == "unknown_field"
    assert [(leaf.field, leaf.saw, leaf.says) for leaf in strategic.because] == [
        ("company.employees", None, "company employees is not known"),
        ("account.relation", "none", "account relation is none, not target"),
    ], "what is missing, and the alternative that does not hold"


def test_every_rule_has_its_verdict_and_the_comparison_that_decided():
    found = explained(grade="B3")
    assert {entry.rule: entry.verdict for entry in found.rules} == {
        "existing-owner": "no_match",
        "new-market": "no_match",
        "partner": "unknown_field",
        "high-intent": "no_match",
        "strategic": "no_match",
        "fits": "matched",
        "nurture": "earlier_match",
    }
    assert found.rules[3].because[0].says == "score intent grade is 3, not 1"
    assert (found.rule, found.queue, found.motion) == ("fits", "sdr", "work")


def test_counterfactuals_depend_on_whether_the_owner_has_accepted():
    assert "with score intent grade 1: senior-ae" in says(explained())
    assert "with score intent grade 1: senior-ae" in says(explained(ActiveOwner("sdr", accepted=False)))
    assert "with score intent grade 1: senior-ae" not in says(explained(ActiveOwner("sdr", accepted=True)))


def test_suppressions_are_counterfactuals_and_have_counterfactuals():
    assert "with account relation competitor: suppressed (competitor)" in says(explained())
    found = explained(view=AccountView(relation="competitor", market_validated=True))
    assert (found.rule, found.queue) == ("competitor", None)
    assert "with account relation target: bdr" in says(found)


def test_counterfactuals_begin_with_what_somebody_can_do_something_about():
    fields = [entry.field for entry in explained(grade="B3").counterfactuals]
    assert fields[:2] == ["score.intent_grade", "account.relation"]
    assert (
        fields.index("account.relation") < fields.index("company.employees") < fields.index("score.fit_grade")
    )
    assert fields[-2:] == ["person.email_kind", "spam_score"]
    leads_to = [entry.queue is None for entry in explained().counterfactuals]
    assert leads_to == sorted(leads_to), "what would suppress it comes last"


RECENT = Compare("company.last_funding_at", Op.WITHIN, parse_duration("30d"))


@pytest.mark.parametrize(("days", "is_recent"), [(29, True), (31, False)])
def test_a_rule_on_an_age_has_its_verdict_at_the_instant_of_the_decision(days, is_recent):
    rules = (
        RoutingRule(name="funded", queue="bdr", when=RECENT),
        RoutingRule(name="rest", queue="sdr", motion="nurture"),
    )
    policy = routing_policy_with(rules=rules)
    lead = with_funding(scored_lead(), days)
    found = explain_route(lead, None, policy, AT)
    assert (found.rule, found.queue, found.motion) == (
        ("funded", "bdr", "work") if is_recent else ("rest", "sdr", "nurture")
    )
    assert found.rules[0].verdict == ("matched" if is_recent else "no_match")


@pytest.mark.parametrize(("days", "is_recent"), [(29, True), (31, False)])
def test_a_suppression_by_age_has_its_verdict_at_the_instant_of_the_decision(days, is_recent):
    policy = routing_policy_with(suppress=(SuppressionRule(reason="funded", when=RECENT),))
    found = explain_route(with_funding(scored_lead(), days), None, policy, AT)
    assert found.suppressions[0].verdict == ("matched" if is_recent else "no_match")
    assert (found.queue is None) == is_recent


def test_a_counterfactual_to_a_nurturing_rule_says_so():
    assert any(entry.endswith("(nurture)") for entry in says(explained(grade="B3")))


LEADS = st.fixed_dictionaries(
    {
        "employees": st.none() | st.integers(0, 3_000),
        "grade": st.sampled_from(["A1", "A3", "B1", "C2", "D1", "D4"]),
        "view": st.builds(
            AccountView,
            relation=st.sampled_from(["target", "customer", "competitor", "partner", "none"]),
            market_validated=st.none() | st.booleans(),
        ),
        "strong": st.booleans(),
    }
).map(lambda given: scored_lead(**given))  # type: ignore[arg-type]
OWNERS = st.none() | st.builds(ActiveOwner, st.sampled_from(["sdr", "bdr", "senior-ae"]), st.booleans())


@given(LEADS, OWNERS)
def test_the_explanation_agrees_with_the_decision_and_every_counterfactual_holds(lead, owner):
    facts = facts_of(lead, lead.account_view, POLICY.readers, owner)
    route = decide_route(POLICY, facts, AT)
    found = explain_route(lead, owner, POLICY, AT)
    assert found.rule == route.rule
    codes = {entry.rule: entry.skipped for entry in route.considered}
    for entry in found.rules if route.suppressed is None else ():
        # The decision does not look at what comes after the rule that matched.
        assert codes.get(entry.rule, "matched") in (entry.verdict, "earlier_match")
    for change in found.counterfactuals:
        then = decide_route(POLICY, {**facts, change.field: change.then}, AT)
        assert (then.rule, then.suppressed is None) == (change.rule, change.queue is not None)

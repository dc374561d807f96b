from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from services.router.domain.route import Route, decide_route
from shared.lead.events.parts import Company, Origin, Person
from shared.lead.events.scoring import AccountView
from shared.lead.facts import ActiveOwner, facts_of
from shared.policy.models.routing import RoutingRule
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.rules.times import parse_duration
from tests.support.routing_policies import default_routing_policy, routing_policy_with
from tests.support.scored_leads import AT, scored_lead

POLICY = default_routing_policy()
HOT = {"grade": "A1"}


def view(relation: str = "none", *, validated: bool | None = True) -> AccountView:
    return AccountView(relation=relation, market_validated=validated)  # type: ignore[arg-type]


def route(owner: ActiveOwner | None = None, **given) -> Route:
    lead = scored_lead(**given)
    return decide_route(POLICY, facts_of(lead, lead.account_view, POLICY.readers, owner), AT)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"opted_out": True, "person": Person(email_kind="disposable")}, "opted_out"),
        ({"person": Person(email_kind="disposable")}, "disposable_email"),
        ({"view": view("competitor")}, "competitor"),
        ({"person": Person(title="Student")}, "student"),
        ({"message": "cheap SEO backlinks casino viagra http://a.example http://b.example " * 5}, "spam"),
    ],
)
def test_a_suppressed_lead_has_the_reason_whoever_owns_it(given, reason):
    assert route(ActiveOwner("sdr", accepted=True), **given).suppressed == reason


@pytest.mark.parametrize(
    ("given", "rule", "queue", "motion"),
    [
        ({"view": view(validated=False), **HOT}, "new-market", "bdr", "work"),
        ({"view": view(validated=False), "employees": 19, "grade": "D3"}, "nurture", "sdr", "nurture"),
        ({"view": view("partner"), **HOT}, "partner", "bdr", "work"),
        ({"answers": {"interest": "Reseller"}}, "partner", "bdr", "work"),
        ({"answers": {"interest": ["webinars", "integration"]}}, "partner", "bdr", "work"),
        (HOT, "high-intent", "senior-ae", "work"),
        ({"strong": True, "view": view("target")}, "high-intent", "senior-ae", "work"),
        ({"strong": True}, "fits", "sdr", "work"),
        ({"grade": "C1"}, "fits", "sdr", "work"),
        ({"employees": 1_000}, "strategic", "bdr", "work"),
        ({"view": view("target"), "grade": "D3"}, "strategic", "bdr", "work"),
        ({}, "fits", "sdr", "work"),
        ({"grade": "D3", "employees": None}, "nurture", "sdr", "nurture"),
    ],
)
def test_the_first_rule_that_matches_wins(given, rule, queue, motion):
    decided = route(**given)
    assert (decided.rule, decided.queue, decided.motion, decided.suppressed) == (rule, queue, motion, None)


@pytest.mark.parametrize(
    ("owner", "given", "stays"),
    [
        (ActiveOwner("sdr", accepted=False), {}, True),
        (ActiveOwner("sdr", accepted=False), HOT, False),
        (ActiveOwner("sdr", accepted=True), HOT, True),
        (ActiveOwner("senior-ae", accepted=False), HOT, True),
        (ActiveOwner("sdr", accepted=False), {"view": view("partner"), **HOT}, True),
        (ActiveOwner("sdr", accepted=False), {"view": view(validated=False), **HOT}, True),
    ],
)
def test_an_owner_keeps_the_lead_unless_it_becomes_high_intent_before_it_is_accepted(owner, given, stays):
    assert route(owner, **given).keep is stays


def test_every_rule_that_was_not_taken_has_a_reason():
    decided = route(view=view(validated=None), employees=None, grade="C3")
    assert {entry.rule: entry.skipped for entry in decided.considered} == {
        "existing-owner": "no_match",
        "new-market": "unknown_field",
        "partner": "unknown_field",
        "high-intent": "no_match",
        "strategic": "unknown_field",
        "nurture": "earlier_match",
    }
    assert all(entry.rep is UNSET for entry in decided.considered)


@pytest.mark.parametrize(
    ("owner", "given", "reasons"),
    [
        (None, {"employees": 12_000}, ("company employees is 12,000, at least 1,000",)),
        (None, {"view": view("target"), "grade": "D3"}, ("account relation is target",)),
        (None, HOT, ("score fit grade is A, one of A, B", "score intent grade is 1")),
        (None, {"grade": "D4"}, ("no other rule matched",)),
        (
            ActiveOwner("sdr", accepted=True),
            HOT,
            ("owner active is yes", "owner accepted is yes"),
        ),
    ],
)
def test_the_reasons_are_what_decided_the_rule_that_matched(owner, given, reasons):
    assert route(owner, **given).reasons == reasons


def test_empty_form_fields_are_missing_facts():
    lead = scored_lead(person=Person(email="a@b.example", title=""), answers={"interest": ""})
    facts = facts_of(lead, lead.account_view, POLICY.readers)
    assert not {"person.seniority", "answers.interest", "owner.queue"} & {*facts}
    assert facts["consent.opted_out"] is False  # nothing stated is no opt-out
    assert facts["source.channel"] == Origin(channel="website").channel


@pytest.mark.parametrize(
    ("age", "rule"), [(timedelta(days=29), "just-funded"), (timedelta(days=31), "others")]
)
def test_a_rule_about_time_is_evaluated_at_the_instant_of_the_decision(age, rule):
    just_funded = Compare("company.last_funding_at", Op.WITHIN, parse_duration("30d"))
    policy = routing_policy_with(
        rules=(
            RoutingRule(name="just-funded", queue="bdr", when=just_funded),
            RoutingRule(name="others", queue="sdr"),
        )
    )
    lead = replace(scored_lead(), company=Company(last_funding_at=AT - age))
    assert decide_route(policy, facts_of(lead, lead.account_view, policy.readers, None), AT).rule == rule

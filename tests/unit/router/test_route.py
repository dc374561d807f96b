from __future__ import annotations

import pytest
from msgspec import UNSET

from services.router.domain.route import OwnerFacts, RouteFacts, decide_route

HOT = {"fit_grade": "A", "intent_grade": 1}


def facts(**given) -> RouteFacts:
    return RouteFacts(
        **{"fit_grade": "B", "intent_grade": 3, "market_validated": True, "employees": 200, **given}
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"opted_out": True, "email_kind": "disposable"}, "opted_out"),
        ({"email_kind": "disposable"}, "disposable_email"),
        ({"relation": "competitor"}, "competitor"),
        ({"seniority": "student"}, "student"),
        ({"spam": 80}, "spam"),
    ],
)
def test_nobody_gets_a_lead_that_is_suppressed(given, reason):
    owned = facts(owner=OwnerFacts("sdr", accepted=True), **given)
    assert decide_route(owned).suppressed == reason


@pytest.mark.parametrize(
    ("given", "rule", "queue", "motion"),
    [
        ({"market_validated": False, **HOT}, "new-market", "bdr", "work"),
        ({"market_validated": False, "employees": 19, "fit_grade": "D"}, "nurture", "sdr", "nurture"),
        ({"relation": "partner", **HOT}, "partner", "bdr", "work"),
        ({"channel": "partner"}, "partner", "bdr", "work"),
        ({"interest": ("reseller",)}, "partner", "bdr", "work"),
        (HOT, "high-intent", "senior-ae", "work"),
        ({"strong_signal": True, "relation": "target"}, "high-intent", "senior-ae", "work"),
        ({"strong_signal": True}, "fits", "sdr", "work"),
        ({"intent_grade": 1, "fit_grade": "C"}, "fits", "sdr", "work"),
        ({"employees": 1_000}, "strategic", "bdr", "work"),
        ({"relation": "target", "fit_grade": "D"}, "strategic", "bdr", "work"),
        ({}, "fits", "sdr", "work"),
        ({"fit_grade": "D", "employees": None}, "nurture", "sdr", "nurture"),
    ],
)
def test_the_first_rule_that_matches_wins(given, rule, queue, motion):
    route = decide_route(facts(**given))
    assert (route.rule, route.queue, route.motion, route.suppressed) == (rule, queue, motion, None)


@pytest.mark.parametrize(
    ("owner", "given", "stays"),
    [
        (OwnerFacts("sdr", accepted=False), {}, True),
        (OwnerFacts("sdr", accepted=False), HOT, False),
        (OwnerFacts("sdr", accepted=True), HOT, True),
        (OwnerFacts("senior-ae", accepted=False), HOT, True),
        (OwnerFacts("sdr", accepted=False), {"relation": "partner", **HOT}, True),
        (OwnerFacts("sdr", accepted=False), {"market_validated": False, **HOT}, True),
    ],
)
def test_an_owner_keeps_the_lead_unless_it_turns_hot_before_it_is_accepted(owner, given, stays):
    assert decide_route(facts(owner=owner, **given)).keep is stays


def test_every_rule_that_was_passed_over_has_its_reason():
    route = decide_route(facts(market_validated=None, employees=None, fit_grade="C"))
    assert {each.rule: each.skipped for each in route.considered} == {
        "existing-owner": "no_match",
        "new-market": "unknown_field",
        "partner": "unknown_field",
        "high-intent": "no_match",
        "strategic": "unknown_field",
        "nurture": "earlier_match",
    }
    assert all(each.rep is UNSET for each in route.considered)

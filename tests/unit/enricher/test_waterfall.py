"""The waterfall: who is asked next, in the order of the policy, within budget and deadline."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.providers import LookupTarget, Subject
from services.enricher.domain.record import LeadRow
from services.enricher.domain.waterfall import (
    Capability,
    LookupPlan,
    LookupProgress,
    LookupRequest,
    WaterfallPolicy,
    buyable_fields,
    lookup_subjects,
    missing_fields,
    next_candidates,
    plan_next,
)
from shared.lead.events.parts import Company, FieldSource
from shared.policy.models import Waterfall
from shared.rules.times import Duration
from tests.support.forms import ANA, AT

EMPLOYEES, INDUSTRY, TITLE = "company.employees", "company.industry", "person.title"
EVERYTHING: frozenset[Subject] = frozenset({"company", "person", "email"})


def capability(price_cents: int, *names: str) -> Capability:
    return Capability(
        price_cents,
        {
            "company": frozenset(name for name in names if name.startswith("company.")),
            "person": frozenset(name for name in names if name.startswith("person.")),
        },
    )


ONE = capability(10, EMPLOYEES, INDUSTRY, TITLE)
TWO = capability(4, EMPLOYEES, INDUSTRY)
FREE = capability(0, INDUSTRY)


def policy(
    budget_cents: int = 100, *, sequential: bool = False, **orders: tuple[str, ...]
) -> WaterfallPolicy:
    """Return a policy of employees, industry and title; `orders` replaces who is asked for them."""
    named = {"employees": ("one", "two"), "industry": ("one", "two"), "title": ("one",)} | orders
    fields = {EMPLOYEES: named["employees"], INDUSTRY: named["industry"], TITLE: named["title"]}
    return WaterfallPolicy(
        fields={name: Waterfall(order=order) for name, order in fields.items() if order},
        capabilities={"one": ONE, "two": TWO, "free": FREE},
        budget_cents=budget_cents,
        deadline_s=8.0,
        sequential=sequential,
    )


def progress(*missing: str, **changes: Any) -> LookupProgress:
    return replace(LookupProgress(missing or (EMPLOYEES, INDUSTRY, TITLE), EVERYTHING, left_s=8.0), **changes)


def asked(plan: LookupPlan) -> list[tuple[str, Subject, tuple[str, ...]]]:
    return [(request.provider, request.subject, request.fields) for request in plan.requests]


class TestPlan:
    def test_a_provider_is_asked_once_for_all_that_it_can_give(self):
        assert asked(plan_next(policy(), progress())) == [
            ("one", "company", (EMPLOYEES, INDUSTRY)),
            ("one", "person", (TITLE,)),
        ]

    def test_the_next_in_the_order_is_asked_when_the_first_was(self):
        requested = progress(EMPLOYEES, requested=frozenset({("one", "company")}))
        assert asked(plan_next(policy(), requested)) == [("two", "company", (EMPLOYEES,))]

    def test_a_provider_asked_about_the_company_may_still_be_asked_about_the_person(self):
        requested = progress(TITLE, requested=frozenset({("one", "company")}))
        assert asked(plan_next(policy(), requested)) == [("one", "person", (TITLE,))]

    def test_a_sequential_policy_makes_one_request_at_a_time(self):
        assert len(plan_next(policy(sequential=True), progress()).requests) == 1

    def test_a_provider_is_not_asked_for_a_field_whose_order_does_not_name_it(self):
        plan = plan_next(policy(industry=("two",)), progress())
        assert asked(plan) == [
            ("one", "company", (EMPLOYEES,)),
            ("two", "company", (EMPLOYEES, INDUSTRY)),
            ("one", "person", (TITLE,)),
        ]

    def test_a_field_that_nobody_supplies_is_skipped(self):
        assert asked(plan_next(policy(employees=("nobody",)), progress(EMPLOYEES))) == []

    def test_a_price_beyond_the_budget_passes_the_field_on_to_a_cheaper_provider(self):
        plan = plan_next(policy(budget_cents=5), progress(EMPLOYEES))
        assert asked(plan) == [("two", "company", (EMPLOYEES,))]

    def test_requests_at_the_same_time_share_the_budget(self):
        plan = plan_next(policy(budget_cents=19), progress())
        assert asked(plan) == [("one", "company", (EMPLOYEES, INDUSTRY))]
        assert sum(request.price_cents for request in plan.requests) <= 19

    def test_a_price_equal_to_what_is_left_is_affordable(self):
        assert asked(plan_next(policy(budget_cents=14), progress(EMPLOYEES, spent_cents=10))) == [
            ("two", "company", (EMPLOYEES,))
        ]

    @pytest.mark.parametrize(
        ("changes", "stop"),
        [
            ({"missing": ()}, "complete"),
            ({"left_s": 0.0}, "deadline"),
            ({"left_s": -1.0}, "deadline"),
            ({"spent_cents": 97}, "budget"),
            ({"subjects": frozenset()}, "exhausted"),
            (
                {"requested": frozenset({("one", "company"), ("two", "company"), ("one", "person")})},
                "exhausted",
            ),
        ],
        ids=["complete", "no-time", "late", "no-money", "nobody-to-ask", "all-asked"],
    )
    def test_the_reason_to_stop(self, changes, stop):
        assert plan_next(policy(), progress(**changes)) == LookupPlan(stop=stop)

    def test_a_complete_lead_is_complete_though_its_time_is_up(self):
        assert plan_next(policy(), progress(missing=(), left_s=0.0)).stop == "complete"


class TestChances:
    """With chances the request is preferred that most likely ends the look-up, for its price."""

    def test_the_likeliest_field_is_asked_for_first(self):
        chances = {EMPLOYEES: 0.1, TITLE: 0.9}
        plan = plan_next(
            policy(sequential=True), progress(), lambda names: max(chances.get(name, 0) for name in names)
        )
        assert asked(plan) == [("one", "person", (TITLE,))]

    def test_a_cheaper_request_of_the_same_chance_is_preferred(self):
        plan = plan_next(
            policy(sequential=True, employees=("two",), industry=("two",)), progress(), lambda _names: 0.5
        )
        assert asked(plan) == [("two", "company", (EMPLOYEES, INDUSTRY))]

    def test_a_free_request_goes_before_one_that_costs(self):
        plan = plan_next(policy(sequential=True, industry=("free",)), progress(), lambda _names: 0.5)
        assert asked(plan) == [("free", "company", (INDUSTRY,))]

    def test_with_equal_chances_and_prices_the_order_of_the_fields_decides(self):
        plan = plan_next(policy(sequential=True), progress(TITLE, EMPLOYEES), lambda _names: 0.0)
        assert asked(plan) == [("one", "person", (TITLE,))]

    def test_only_the_fields_that_a_request_is_first_for_count(self):
        judged: list[tuple[str, ...]] = []

        def chance(names: tuple[str, ...]) -> float:
            judged.append(names)
            return 0.5

        plan_next(policy(sequential=True, industry=("two", "one")), progress(), chance)
        assert sorted(judged) == [(EMPLOYEES,), (INDUSTRY,), (TITLE,)]

    def test_a_single_candidate_is_not_judged(self):
        plan = plan_next(policy(sequential=True), progress(TITLE), lambda _names: 1 / 0)
        assert asked(plan) == [("one", "person", (TITLE,))]

    def test_chances_do_not_matter_when_all_fields_are_asked_for_at_once(self):
        assert len(plan_next(policy(), progress(), lambda _names: 1 / 0).requests) == 2


def test_candidates_are_the_first_affordable_request_of_each_field():
    candidates = next_candidates(policy(budget_cents=5), progress())
    assert candidates == {LookupRequest("two", "company", (EMPLOYEES, INDUSTRY), 4): (EMPLOYEES, INDUSTRY)}


def test_a_field_is_buyable_while_somebody_affordable_was_not_asked():
    assert buyable_fields(policy(), progress()) == (EMPLOYEES, INDUSTRY, TITLE)
    assert buyable_fields(policy(budget_cents=5), progress()) == (EMPLOYEES, INDUSTRY)
    assert buyable_fields(policy(), progress(requested=frozenset({("one", "person")}))) == (
        EMPLOYEES,
        INDUSTRY,
    )
    assert buyable_fields(policy(), progress(subjects=frozenset({"person"}))) == (TITLE,)
    assert buyable_fields(policy(budget_cents=3), progress()) == ()


@pytest.mark.parametrize(
    ("target", "subjects"),
    [
        (LookupTarget(), set()),
        (LookupTarget(domain="brightloom.example"), {"company"}),
        (LookupTarget(email=ANA), {"person", "email"}),
        (LookupTarget("brightloom.example", ANA), {"company", "person", "email"}),
    ],
)
def test_a_lead_can_be_asked_about_by_what_identifies_it(target, subjects):
    assert lookup_subjects(target) == subjects


@pytest.mark.parametrize(
    ("source", "confidence", "age_s", "missing"),
    [
        ("form", 1.0, 10_000, False),
        ("one", 0.9, 0, False),
        ("one", 0.7, 0, False),
        ("one", 0.69, 0, True),
        ("one", 0.9, 60, False),
        ("one", 0.9, 61, True),
    ],
)
def test_a_field_is_missing_until_a_value_of_it_is_acceptable(source, confidence, age_s, missing):
    terms = Waterfall(order=("one",), min_confidence=70, fresh=Duration(60))
    known = LeadRow(
        "lead",
        company=Company(employees=0),
        provenance={EMPLOYEES: FieldSource(source, confidence, 0, AT - Duration(age_s).timedelta)},
    )
    waterfall = WaterfallPolicy({EMPLOYEES: terms}, {}, 100, 8.0)
    assert missing_fields(known, waterfall, AT) == ((EMPLOYEES,) if missing else ())
    assert missing_fields(LeadRow("lead"), waterfall, AT) == (EMPLOYEES,)

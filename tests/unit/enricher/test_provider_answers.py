"""Answers of providers: what is asked about, what is good enough, what is cached and what it cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.enrich import with_answer
from services.enricher.domain.providers import (
    MATCH_TTL,
    NO_MATCH_TTL,
    LookupTarget,
    ProviderAnswer,
    ProviderFacts,
    ProviderQuery,
    answer_from_row,
    budget_day,
    cache_row,
    is_acceptable,
    is_current,
    lookup_target,
    mark_stale,
    value_of,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.spending import SpendRow, add_spend
from shared.lead.events.parts import Company, FieldSource, Person
from shared.lead.ids import lead_id_of
from shared.policy.models import Waterfall
from shared.rules.times import Duration
from tests.support.forms import ANA, AT

DAY = timedelta(days=1)
EMPLOYEES, INDUSTRY = "company.employees", "company.industry"
FACTS = ProviderFacts(
    company=Company(employees=350, industry="software"), confidence={EMPLOYEES: 0.9, INDUSTRY: 0.8}
)
ANSWER = ProviderAnswer(
    "apollo", "company", "brightloom.example", "match", AT, FACTS, cost=8, requested=(EMPLOYEES, INDUSTRY)
)

LEAD = LeadRow("lead")


def spent(answer: ProviderAnswer) -> list[tuple[Any, ...]]:
    """Return day, provider, calls, matches, cents and answers of the rows that count an answer."""
    rows = add_spend({}, [answer], LEAD, LEAD)
    return [(row.day, row.provider, row.calls, row.matches, row.cents, row.answers) for row in rows]


def terms(fresh_days: int | None = None, min_confidence: int = 70) -> Waterfall:
    fresh = None if fresh_days is None else Duration(fresh_days * 86_400)
    return Waterfall(order=("apollo",), min_confidence=min_confidence, fresh=fresh)


class TestTarget:
    def test_a_person_at_a_company_is_asked_about_by_both(self):
        target = lookup_target("brightloom.example", "lead", Person(email=ANA, first_name="Ana"))
        assert target == LookupTarget("brightloom.example", ANA, "Ana", lead_id="lead")
        assert target.about("company") == "brightloom.example"
        assert target.about("person") == target.about("email") == lead_id_of(f"email:{ANA}")

    @pytest.mark.parametrize("account", ["lead", "gmail.com"])
    def test_a_lead_without_a_company_is_not_asked_about_as_one(self, account):
        assert lookup_target(account, "lead", Person(email="ana@gmail.com")).about("company") is None

    def test_a_disposable_address_is_nobody(self):
        target = lookup_target("lead", "lead", Person(email="x@mailinator.com", email_kind="disposable"))
        assert (target.email, target.about("person"), target.about("email")) == (None, None, None)

    def test_the_same_question_has_the_same_key_whatever_fields_it_is_for(self):
        target = LookupTarget("brightloom.example", ANA)
        one = ProviderQuery("apollo", "company", "brightloom.example", target, (EMPLOYEES,))
        assert one.key == replace(one, target=LookupTarget("brightloom.example"), fields=(INDUSTRY,)).key
        assert one.key != replace(one, provider="clearbit").key


@pytest.mark.parametrize(
    ("name", "value"),
    [("person.email", ANA), (EMPLOYEES, 0), ("company.industry", None), ("company.unknown", None)],
)
def test_a_value_is_read_by_its_dotted_name(name, value):
    assert value_of(Person(email=ANA), Company(employees=0), name) == value


class TestAcceptance:
    @pytest.mark.parametrize("source", ["form", "human", "crm"])
    def test_what_a_person_said_is_accepted_whatever_its_age(self, source):
        origin = FieldSource(source, 0.0, 0, AT - 3_000 * DAY)
        assert is_acceptable(origin, terms(1, 100), AT)

    def test_what_was_derived_has_no_origin_and_is_accepted(self):
        assert is_acceptable(None, terms(1, 100), AT)

    @pytest.mark.parametrize(("confidence", "accepted"), [(0.57, True), (0.569, True), (0.564, False)])
    def test_the_confidence_is_compared_in_whole_per_cent(self, confidence, accepted):
        assert is_acceptable(FieldSource("apollo", confidence, 0, AT), terms(None, 57), AT) is accepted

    @pytest.mark.parametrize(("age", "accepted"), [(DAY, True), (DAY + timedelta(seconds=1), False)])
    def test_a_value_is_accepted_up_to_the_age_that_the_policy_sets(self, age, accepted):
        assert is_acceptable(FieldSource("apollo", 0.9, 0, AT - age), terms(1), AT) is accepted

    def test_without_a_limit_no_value_is_too_old(self):
        assert is_acceptable(FieldSource("apollo", 0.9, 0, AT - 3_000 * DAY), terms(), AT)


class TestStaleness:
    """`stale` is a match whose facts are older than the policy allows: paid, but not used as it stands."""

    @pytest.mark.parametrize(
        ("days_old", "fields", "outcome"),
        [
            (0, {EMPLOYEES: terms(1)}, "match"),
            (2, {EMPLOYEES: terms(1)}, "stale"),
            (2, {EMPLOYEES: terms(1), INDUSTRY: terms(1)}, "stale"),
            (2, {EMPLOYEES: terms(1), INDUSTRY: terms(3)}, "match"),
            (2, {EMPLOYEES: terms(1), INDUSTRY: terms()}, "match"),
            (2, {}, "match"),
        ],
    )
    def test_a_match_is_stale_when_every_requested_field_is_too_old(self, days_old, fields, outcome):
        answer = replace(ANSWER, facts=replace(FACTS, as_of=AT - days_old * DAY))
        assert mark_stale(answer, fields).outcome == outcome

    def test_only_a_match_can_be_stale(self):
        old = replace(ANSWER, outcome="no_match", facts=replace(FACTS, as_of=AT - 9 * DAY))
        assert mark_stale(old, {EMPLOYEES: terms(1)}) == old

    def test_facts_are_never_newer_than_their_answer(self):
        assert replace(ANSWER, facts=replace(FACTS, as_of=AT + DAY)).observed_at == AT
        assert replace(ANSWER, facts=replace(FACTS, as_of=AT - DAY)).observed_at == AT - DAY
        assert ANSWER.observed_at == AT

    @pytest.mark.parametrize(
        ("wanted", "age", "current"),
        [
            ((EMPLOYEES,), DAY, True),
            ((EMPLOYEES,), 2 * DAY, False),
            ((INDUSTRY,), 2 * DAY, True),
            ((EMPLOYEES, INDUSTRY), 2 * DAY, False),
            (("company.revenue_usd",), 99 * DAY, True),
            ((), 99 * DAY, True),
        ],
    )
    def test_a_cached_answer_is_current_while_it_is_too_old_for_no_wanted_field(self, wanted, age, current):
        fields = {EMPLOYEES: terms(1), INDUSTRY: terms(3), "company.revenue_usd": terms(1)}
        assert is_current(ANSWER, wanted, fields, AT + age) is current


class TestCache:
    @pytest.mark.parametrize("outcome", ["match", "no_match", "stale"])
    def test_a_conclusive_answer_comes_back_from_the_cache_as_it_was_but_free(self, outcome):
        answer = replace(ANSWER, outcome=outcome, facts=replace(FACTS, as_of=AT - DAY))
        row = cache_row(answer, {})
        assert row is not None
        again = answer_from_row(row)
        assert (again.outcome, again.facts, again.at) == (outcome, answer.facts, AT)
        assert (again.cost, again.billed, again.is_conclusive) == (0, False, True)
        assert cache_row(again, {}) is None

    @pytest.mark.parametrize("outcome", ["failed", "timeout", "skipped"])
    def test_a_failure_is_not_cached(self, outcome):
        answer = replace(ANSWER, outcome=outcome)
        assert not answer.is_conclusive
        assert cache_row(answer, {}) is None

    @pytest.mark.parametrize(
        ("outcome", "fields", "ttl"),
        [
            ("match", {}, MATCH_TTL),
            ("match", {EMPLOYEES: terms()}, MATCH_TTL),
            ("match", {EMPLOYEES: terms(3), INDUSTRY: terms(9)}, 9 * DAY),
            ("match", {"company.country": terms(99)}, MATCH_TTL),
            ("no_match", {EMPLOYEES: terms(3)}, NO_MATCH_TTL),
            ("stale", {EMPLOYEES: terms(3)}, 3 * DAY),
        ],
    )
    def test_a_match_is_kept_as_long_as_its_longest_lived_field_is_fresh(self, outcome, fields, ttl):
        row = cache_row(replace(ANSWER, outcome=outcome), fields)
        assert row is not None
        assert row.expires_at - AT == ttl


class TestSpending:
    def test_calls_are_added_to_the_day_and_the_provider(self):
        before = {
            ("2026-03-01", "apollo"): SpendRow("2026-03-01", "apollo", 5, 2, 16, 4, 1, {"person.title": 16})
        }
        missed = replace(ANSWER, outcome="no_match", cost=0, facts=ProviderFacts())
        [row] = add_spend(before, [ANSWER, missed], LEAD, with_answer(LEAD, ANSWER, {}, AT))
        assert (row.calls, row.matches, row.cents, row.answers, row.unchanged) == (7, 3, 24, 6, 2)
        assert row.field_cents == {"person.title": 16, EMPLOYEES: 4, INDUSTRY: 4}

    def test_an_answer_that_changes_nothing_costs_the_fields_that_it_was_asked_for(self):
        known = with_answer(LEAD, ANSWER, {}, AT)
        answers = [replace(ANSWER, cost=9), replace(ANSWER, requested=(), cost=1)]
        [row] = add_spend({}, answers, known, known)
        assert (row.answers, row.unchanged, row.cents) == (2, 2, 10)
        assert row.field_cents == {EMPLOYEES: 5, INDUSTRY: 4, "": 1}

    def test_days_and_providers_are_apart(self):
        answers = [ANSWER, replace(ANSWER, provider="clearbit", cost=12), replace(ANSWER, at=AT + DAY)]
        assert [(row.day, row.provider, row.cents) for row in add_spend({}, answers, LEAD, LEAD)] == [
            ("2026-03-01", "apollo", 8),
            ("2026-03-01", "clearbit", 12),
            ("2026-03-02", "apollo", 8),
        ]

    def test_a_stale_match_was_paid_and_counts_as_a_match(self):
        assert spent(replace(ANSWER, outcome="stale")) == [("2026-03-01", "apollo", 1, 1, 8, 1)]

    @pytest.mark.parametrize("changes", [{"billed": False}, {"outcome": "skipped"}])
    def test_what_was_not_called_for_this_lead_is_not_counted(self, changes):
        assert spent(replace(ANSWER, **changes)) == []

    @pytest.mark.parametrize("outcome", ["failed", "timeout"])
    def test_a_failed_call_is_a_call_without_a_match(self, outcome):
        assert spent(replace(ANSWER, outcome=outcome, cost=0)) == [("2026-03-01", "apollo", 1, 0, 0, 0)]

    def test_a_day_is_one_of_utc(self):
        assert budget_day(AT.replace(hour=23, minute=59)) == "2026-03-01"
        assert budget_day(AT.replace(hour=23) + timedelta(hours=1)) == "2026-03-02"

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.merge import account_of
from services.enricher.domain.providers import (
    LookupOutcome,
    ProviderAnswer,
    ProviderFacts,
    answer_from_row,
    company_row,
)
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.value_of_information import OutcomeModel
from services.enricher.domain.waterfall import LookupRequest
from shared.lead.events.parts import Activity, Company, Person
from tests.support.forms import AT, form, merged
from tests.support.waterfall import default_policy, waterfall_policy

NOTHING_KNOWN = AccountContext()


@cache
def outcome_model() -> OutcomeModel:
    return OutcomeModel(default_policy())


def searching(*providers: str, aware: bool = True) -> Search:
    """Return the search for somebody at Brightloom who requested a demo, before anything was requested."""
    lead = merged(form(Company(country="US"), activities=[Activity("demo_request", AT)]))
    waterfall = waterfall_policy(default_policy().policy.providers, providers)
    return search_for(
        replace(lead, account=account_of(lead)), waterfall, outcome_model() if aware else None, AT
    )


def answered(search: Search, outcome: LookupOutcome, **company: Any) -> Search:
    """Return the search after the next request was answered with this outcome."""
    (request,) = search.next(NOTHING_KNOWN, 8.0, AT).requests
    found = ProviderFacts(company=Company(**company), confidence={f"company.{name}": 0.9 for name in company})
    answer = ProviderAnswer(
        request.provider,
        request.subject,
        "brightloom.example",
        outcome,
        AT,
        found,
        cost=10,
        requested=request.fields,
    )
    return search.with_answers([request], [answer], AT)


def test_an_answer_adds_its_values_and_its_cost_to_the_search():
    search = answered(searching("peopledatalabs"), "match", employees=350)
    assert search.lead.company.employees == 350
    assert "company.employees" not in search.missing
    assert (search.progress.spent_cents, len(search.answers)) == (10, 1)


@pytest.mark.parametrize(("outcome", "stop"), [("failed", "exhausted"), ("no_match", "settled")])
def test_with_nobody_left_to_ask_the_look_up_is_exhausted_only_if_an_answer_failed(outcome, stop):
    search = searching("clearbit")
    while search.buyable:
        search = answered(search, outcome)
    assert search.next(NOTHING_KNOWN, 8.0, AT).stop == stop


def test_a_provider_with_a_cached_answer_is_not_asked_again():
    (request,) = searching("apollo").next(NOTHING_KNOWN, 8.0, AT).requests
    kept = ProviderAnswer(
        request.provider, request.subject, "brightloom.example", "no_match", AT, billed=False
    )
    search = searching("apollo").with_cached([kept], AT)
    assert (request.provider, request.subject) in search.progress.requested
    assert search.progress.spent_cents == 0


def test_without_providers_no_field_is_buyable():
    assert searching("apollo").buyable
    assert searching().buyable == ()
    assert searching().next(None, 8.0, AT).stop == "exhausted"


def test_without_an_outcome_model_every_field_is_missing():
    assert "person.email_status" in searching(aware=False).missing
    assert "person.email_status" not in searching().missing


def test_without_cached_answers_the_search_is_unchanged():
    search = searching("apollo")
    assert search.with_cached([], AT) is search


def test_a_cached_match_is_used_and_costs_nothing():
    (request,) = searching("apollo").next(NOTHING_KNOWN, 8.0, AT).requests
    found = ProviderFacts(company=Company(employees=350), confidence={"company.employees": 0.9})
    cached = ProviderAnswer(
        request.provider, request.subject, "brightloom.example", "match", AT, found, cost=10, billed=False
    )
    search = searching("apollo").with_cached([cached], AT)
    assert (search.lead.company.employees, search.progress.spent_cents) == (350, 0)
    assert search.answers == (cached,)


def test_a_cached_answer_that_is_too_old_for_a_missing_field_is_used_and_its_provider_asked_again():
    (request,) = searching("apollo").next(NOTHING_KNOWN, 8.0, AT).requests
    found = ProviderFacts(company=Company(employees=350), confidence={"company.employees": 0.9})
    old = AT - timedelta(days=3_000)
    cached = ProviderAnswer(
        request.provider, request.subject, "brightloom.example", "match", old, found, billed=False
    )
    search = searching("apollo").with_cached([cached], AT)
    assert search.lead.company.employees == 350
    assert "company.employees" in search.missing
    assert search.progress.requested == frozenset()


def test_a_request_becomes_a_query_about_the_lead_s_target():
    search = searching("apollo")
    (request,) = search.next(NOTHING_KNOWN, 8.0, AT).requests
    query = search.query(request)
    assert (query.provider, query.subject, query.about) == ("apollo", "company", "brightloom.example")
    assert (query.target, query.fields) == (search.target, request.fields)


def test_a_request_without_an_answer_in_time_costs_nothing_and_is_not_made_again():
    search = searching("apollo")
    (request,) = search.next(NOTHING_KNOWN, 8.0, AT).requests
    answer = search.query(request).unanswered("timeout", AT, "no answer within 8.0 s")
    assert (answer.outcome, answer.cost, answer.is_conclusive) == ("timeout", 0, False)
    assert (answer.requested, answer.detail) == (request.fields, "no answer within 8.0 s")
    late = search.with_answers([request], [answer], AT)
    assert late.progress.requested == {(request.provider, request.subject)}
    assert late.lead == search.lead


def test_no_request_is_made_when_no_time_is_left():
    assert searching("apollo").next(NOTHING_KNOWN, 0.0, AT).stop == "deadline"
    assert searching("apollo", aware=False).next(None, 0.0, AT).stop == "deadline"


def combined(search: Search, domain: str) -> Search:
    """Return the search after Clearbit answered about the person, with the company of this domain."""
    request = LookupRequest("clearbit", "person", ("person.title",), 12)
    person, company = Person(title="CFO"), Company(domain=domain, employees=350)
    sure = {"person.title": 0.85, "company.domain": 0.85, "company.employees": 0.85}
    facts = ProviderFacts(person, company, sure)
    about = search.target.about("person") or ""
    answer = ProviderAnswer(
        "clearbit", "person", about, "match", AT, facts, cost=12, requested=("person.title",)
    )
    return search.with_answers([request], [answer], AT)


def test_a_combined_answer_is_one_about_the_company_too_and_cached_for_both():
    search = combined(searching("clearbit", aware=False), "brightloom.example")
    assert ("clearbit", "company") in search.progress.requested
    (answer,) = search.answers
    row = company_row(answer, search.waterfall.fields)
    assert row is not None
    assert (row.subject, row.about, row.person) == ("company", "brightloom.example", Person())
    other = searching("clearbit", aware=False).with_cached([answer_from_row(row)], AT)
    assert other.lead.company.employees == 350
    assert (other.progress.spent_cents, ("clearbit", "company") in other.progress.requested) == (0, True)


def test_an_answer_with_another_company_says_nothing_of_the_one_that_is_asked_about():
    search = combined(searching("clearbit", aware=False), "copperfen.example")
    assert ("clearbit", "company") not in search.progress.requested
    assert company_row(search.answers[0], search.waterfall.fields) is None


def test_the_answer_of_a_vendor_whose_people_have_less_than_its_companies_is_of_the_person_only():
    search = searching("peopledatalabs", aware=False)
    assert not search.waterfall.capabilities["peopledatalabs"].is_combined

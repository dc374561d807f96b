from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.merge import account_of
from services.enricher.domain.providers import LookupOutcome, ProviderAnswer, ProviderFacts
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.value_of_information import OutcomeModel
from shared.lead.events.parts import Activity, Company
from tests.support.forms import AT, form, merged
from tests.support.waterfall import default_policy, waterfall_policy

STANDING = AccountContext()


@cache
def outcome_model() -> OutcomeModel:
    return OutcomeModel(default_policy())


def searching(*providers: str, aware: bool = True) -> Search:
    """Return the asking about somebody at Brightloom who asked for a demo, before it began."""
    lead = merged(form(Company(country="US"), activities=[Activity("demo_request", AT)]))
    waterfall = waterfall_policy(default_policy().policy.providers, providers)
    return search_for(
        replace(lead, account=account_of(lead)), waterfall, outcome_model() if aware else None, AT
    )


def answered(search: Search, outcome: LookupOutcome, **company: Any) -> Search:
    """Return the asking after the next question was answered so."""
    (request,) = search.next(STANDING, 8.0, AT).requests
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


def test_what_an_answer_says_is_known_and_paid_from_then_on():
    search = answered(searching("peopledatalabs"), "match", employees=350)
    assert search.lead.company.employees == 350
    assert "company.employees" not in search.missing
    assert (search.progress.spent_cents, len(search.answers)) == (10, 1)


@pytest.mark.parametrize(("outcome", "stop"), [("failed", "exhausted"), ("no_match", "settled")])
def test_a_field_that_nobody_sells_any_more_is_open_only_if_an_answer_failed(outcome, stop):
    search = searching("clearbit")
    while search.buyable:
        search = answered(search, outcome)
    assert search.next(STANDING, 8.0, AT).stop == stop


def test_who_answered_lately_is_not_asked_again():
    (request,) = searching("apollo").next(STANDING, 8.0, AT).requests
    kept = ProviderAnswer(
        request.provider, request.subject, "brightloom.example", "no_match", AT, billed=False
    )
    search = searching("apollo").with_cached([kept], AT)
    assert (request.provider, request.subject) in search.progress.requested
    assert search.progress.spent_cents == 0


def test_without_anybody_to_ask_nothing_can_be_had():
    assert searching("apollo").buyable
    assert searching().buyable == ()
    assert searching().next(None, 8.0, AT).stop == "exhausted"


def test_without_an_outcome_model_every_field_is_missing():
    assert "person.email_status" in searching(aware=False).missing
    assert "person.email_status" not in searching().missing

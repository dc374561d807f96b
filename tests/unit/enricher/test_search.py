from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.merge import account_of
from services.enricher.domain.providers import LookupOutcome, ProviderAnswer, ProviderFacts
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.value_of_information import Outlook
from shared.lead.events.parts import Activity, Company
from tests.support.waterfall import default_policy, terms_of
from tests.unit.enricher.forms import AT, form, merged

STANDING = AccountContext()


@cache
def outlook() -> Outlook:
    return Outlook(default_policy())


def searching(*providers: str, aware: bool = True) -> Search:
    """Return the asking about somebody at Brightloom who asked for a demo, before it began."""
    lead = merged(form(Company(country="US"), activities=[Activity("demo_request", AT)]))
    terms = terms_of(default_policy().policy.providers, providers)
    return search_for(replace(lead, account=account_of(lead)), terms, outlook() if aware else None, AT)


def answered(search: Search, outcome: LookupOutcome, **company: Any) -> Search:
    """Return the asking after the next question was answered so."""
    (ask,) = search.next(STANDING, 8.0, AT).asks
    found = ProviderFacts(company=Company(**company), confidence={f"company.{name}": 0.9 for name in company})
    answer = ProviderAnswer(
        ask.provider, ask.subject, "brightloom.example", outcome, AT, found, cost=10, requested=ask.fields
    )
    return search.taking([ask], [answer], AT)


def test_what_an_answer_says_is_known_and_paid_from_then_on():
    search = answered(searching("peopledatalabs"), "match", employees=350)
    assert search.lead.company.employees == 350
    assert "company.employees" not in search.wanted
    assert (search.progress.spent_cents, len(search.answers)) == (10, 1)


@pytest.mark.parametrize(("outcome", "stop"), [("failed", "exhausted"), ("no_match", "settled")])
def test_a_field_that_nobody_sells_any_more_is_open_only_if_an_answer_failed(outcome, stop):
    search = searching("clearbit")
    while search.buyable:
        search = answered(search, outcome)
    assert search.next(STANDING, 8.0, AT).stop == stop


def test_who_answered_lately_is_not_asked_again():
    (ask,) = searching("apollo").next(STANDING, 8.0, AT).asks
    kept = ProviderAnswer(ask.provider, ask.subject, "brightloom.example", "no_match", AT, billed=False)
    search = searching("apollo").with_cached([kept], AT)
    assert (ask.provider, ask.subject) in search.progress.asked
    assert search.progress.spent_cents == 0


def test_without_anybody_to_ask_nothing_can_be_had():
    assert searching("apollo").buyable
    assert searching().buyable == ()
    assert searching().next(None, 8.0, AT).stop == "exhausted"


def test_without_an_outlook_everything_is_wanted():
    assert "person.email_status" in searching(aware=False).wanted
    assert "person.email_status" not in searching().wanted

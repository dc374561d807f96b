"""Addresses that providers find: verified before they are believed, and never a reason to be another lead."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.enricher.domain.enrich import enrich
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.providers import CachedAnswerRow, LookupResult, ProviderAnswer, ProviderFacts
from services.enricher.domain.record import LeadRow, has_found_address, has_stated_address
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.waterfall import Capability, LookupRequest, WaterfallPolicy
from shared.lead.events.parts import Company, Person
from shared.lead.ids import lead_id_of
from shared.policy.models import Waterfall
from tests.support.forms import AT, form, merged

FOUND, OTHER = "ben.arp@brightloom.example", "b.arp@brightloom.example"
EMAIL, STATUS = "person.email", "person.email_status"
FIELDS = {
    EMAIL: Waterfall(order=("finder", "second"), min_confidence=70),
    STATUS: Waterfall(order=("verifier",)),
}
FINDER = Capability(
    3, {"find_email": frozenset({EMAIL})}, needs={"find_email": [["domain", "first_name", "last_name"]]}
)
VERIFIER = Capability(1, {"email": frozenset({STATUS})}, needs={"email": [["email"]]})
POLICY = WaterfallPolicy(FIELDS, {"finder": FINDER, "second": FINDER, "verifier": VERIFIER}, 60, 8.0)


def caller(**person: Any) -> LeadRow:
    """Return the lead of somebody who left a number and no address."""
    named = {"first_name": "Ben", "last_name": "Arp", "phone": "+12015550143", **person}
    lead = merged(form(Company(domain="brightloom.example"), email=None, **named))
    return replace(lead, account=account_of(lead))


def next_request(search: Search) -> LookupRequest | None:
    return next(iter(search.next(None, 8.0, AT).requests), None)


def answered(search: Search, **person: Any) -> Search:
    """Return the search after the next request was answered with these facts, each with its confidence."""
    request = next_request(search)
    assert request is not None
    query = search.query(request)
    values = {name: value for name, (value, _sure) in person.items()}
    sure = {f"person.{name}": share for name, (_value, share) in person.items()}
    told = Person(**values)
    if request.subject == "email":
        told = replace(told, email=query.target.email)
    answer = ProviderAnswer(
        request.provider,
        request.subject,
        query.about,
        "match" if person else "no_match",
        AT,
        ProviderFacts(told, confidence=sure),
        cost=request.price_cents,
        requested=request.fields,
    )
    return search.with_answers([request], [answer], AT)


def asked(search: Search) -> list[tuple[str, str]]:
    return [(answer.provider, answer.subject) for answer in search.answers]


def searching(lead: LeadRow | None = None) -> Search:
    return search_for(lead or caller(), POLICY, None, AT)


def test_an_address_is_verified_before_it_is_believed():
    search = answered(searching(), email=(FOUND, 0.9))
    assert search.lead.person.email is None
    request = next_request(search)
    assert request is not None
    assert (request.provider, request.subject) == ("verifier", "email")
    assert search.query(request).target.email == FOUND
    search = answered(search, email_status=("verified", 0.95))
    assert (search.lead.person.email, search.lead.person.email_status) == (FOUND, "verified")
    assert next_request(search) is None


def test_the_finder_may_have_verified_it_itself():
    search = answered(searching(), email=(FOUND, 0.9), email_status=("verified", 0.9))
    assert search.lead.person.email == FOUND
    assert asked(search) == [("finder", "find_email")]


def test_an_address_that_takes_no_mail_is_not_used_and_the_next_finder_is_asked():
    search = answered(searching(), email=(FOUND, 0.9))
    search = answered(search, email_status=("invalid", 0.95))
    assert search.lead.person.email is None
    search = answered(search, email=(OTHER, 0.9))
    search = answered(search, email_status=("verified", 0.95))
    assert asked(search) == [
        ("finder", "find_email"),
        ("verifier", "email"),
        ("second", "find_email"),
        ("verifier", "email"),
    ]
    assert search.lead.person.email == OTHER


@pytest.mark.parametrize(("sure", "used"), [(0.9, FOUND), (0.6, None)])
def test_a_risky_address_is_used_only_if_the_finder_is_sure_of_it(sure, used):
    search = answered(answered(searching(), email=(FOUND, sure)), email_status=("risky", 0.95))
    assert search.lead.person.email == used


def test_a_lead_with_an_address_gets_no_other():
    search = searching(merged(form(Company(domain="brightloom.example"), first_name="Ben", last_name="Arp")))
    request = next_request(search)
    assert request is not None
    assert request.subject == "email"
    lead = enrich(search.lead, LookupResult([found_by("finder")], FIELDS), AT)
    assert lead.person.email == "ana@brightloom.example"


def found_by(provider: str) -> ProviderAnswer:
    facts = ProviderFacts(Person(email=FOUND, email_status="verified"), confidence={EMAIL: 0.9, STATUS: 0.9})
    return ProviderAnswer(provider, "find_email", "lead", "match", AT, facts, cost=3, requested=(EMAIL,))


def test_it_says_where_it_is_from_and_what_it_cost_and_identifies_nobody():
    lead = enrich(caller(), LookupResult([found_by("finder")], FIELDS), AT)
    assert (lead.provenance[EMAIL].source, lead.provenance[EMAIL].cost) == ("finder", 3)
    assert sum(origin.cost for origin in lead.provenance.values()) == lead.enrichment.cost == 3
    assert lead.person.email_kind == "work"
    assert lead.derived is not None
    assert (lead.derived.email_domain, lead.derived.email_lead_id) == ("brightloom.example", None)
    assert has_found_address(lead.provenance)
    assert not has_stated_address(lead)


@pytest.mark.parametrize("public", [False, True])
def test_the_address_that_the_person_states_later_takes_its_place(public):
    lead = enrich(caller(), LookupResult([found_by("finder")], FIELDS), AT)
    stated = form(email="ben@brightloom.example", phone="+12015550143", trust="public" if public else None)
    lead = merge(lead, stated, AT)
    assert (lead.person.email, lead.person.email_status) == ("ben@brightloom.example", None)
    assert lead.provenance[EMAIL].source == "form"
    assert STATUS not in lead.provenance
    assert has_stated_address(lead)


def test_a_form_without_an_address_leaves_it():
    lead = enrich(caller(), LookupResult([found_by("finder")], FIELDS), AT)
    again = merge(lead, form(email=None, phone="+12015550143", title="CFO"), AT)
    assert (again.person.email, again.person.email_status) == (FOUND, "verified")
    assert again.provenance[EMAIL] == lead.provenance[EMAIL]
    assert again.derived is not None
    assert again.derived.email_lead_id is None


async def test_a_form_by_the_same_phone_with_the_found_address_is_a_revision_of_the_lead(enricher):
    by_phone = lead_id_of("phone:+12015550143")
    enricher.lookup.result = LookupResult([replace(found_by("finder"), about=by_phone)], FIELDS)
    company = Company(domain="brightloom.example")
    await enricher.submit(None, company=company, phone="+12015550143", first_name="Ben", last_name="Arp")
    (first,) = enricher.emitted
    assert (first.lead_id, first.person.email) == (by_phone, FOUND)
    enricher.lookup.result = LookupResult()
    await enricher.submit(FOUND, phone="+12015550143")
    assert (enricher.lead(FOUND).lead_id, enricher.lead(FOUND).revision) == (by_phone, 2)
    await enricher.erase(by_phone)
    assert not [row for row in enricher.rows.all(CachedAnswerRow) if row.about == by_phone]


async def test_a_found_address_does_not_make_two_people_one(enricher):
    by_phone = lead_id_of("phone:+12015550143")
    await enricher.submit(FOUND, first_name="Ben", last_name="Arp")
    enricher.lookup.result = LookupResult([replace(found_by("finder"), about=by_phone)], FIELDS)
    company = Company(domain="brightloom.example")
    await enricher.submit(None, company=company, phone="+12015550143", first_name="Ben", last_name="Arp")
    (second,) = enricher.emitted
    assert second.lead_id == by_phone
    assert enricher.lead(FOUND).lead_id == lead_id_of(f"email:{FOUND}")

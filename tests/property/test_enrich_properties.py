"""Laws of what providers' answers do to a lead: costs add up, and nothing known gets worse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.enrich import enrich, enrich_again, is_same_person
from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.providers import (
    LookupResult,
    ProviderAnswer,
    ProviderFacts,
    is_acceptable,
    lookup_target,
    value_of,
)
from services.enricher.domain.record import LeadRow
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, FieldSource, Person
from shared.policy.models import Waterfall
from shared.rules.times import Duration

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
EMAIL = "a.lopez@brightloom.example"
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "person.first_name": st.sampled_from(["Ana", "Bob"]),
    "person.last_name": st.sampled_from(["Lopez", "Smith"]),
    "person.title": st.sampled_from(["CFO", "VP Sales"]),
    "person.phone": st.sampled_from(["+12015550143", "+12015550144"]),
    "person.email_status": st.sampled_from(["verified", "risky"]),
    "company.employees": st.integers(0, 1_000),
    "company.industry": st.sampled_from(["software", "fintech"]),
    "company.name": st.sampled_from(["Brightloom", "Bright Loom Inc"]),
}
TERMS = {
    name: Waterfall(order=("one", "two"), min_confidence=70, fresh=Duration(90 * 86_400)) for name in VALUES
}
ABOUT = lookup_target("brightloom.example", "lead", Person(email=EMAIL)).about("person") or ""


@st.composite
def answers(draw: st.DrawFn) -> ProviderAnswer:
    """Return an answer about the person, of one of two providers, with any of the fields."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True))
    values: dict[str, dict[str, Any]] = {"person": {}, "company": {}}
    for name in names:
        part, _, attribute = name.partition(".")
        values[part][attribute] = draw(VALUES[name])
    confidence = {name: draw(st.sampled_from([0.3, 0.7, 0.9])) for name in names}
    as_of = AT - timedelta(days=draw(st.sampled_from([0, 1, 400])))
    facts = ProviderFacts(Person(**values["person"]), Company(**values["company"]), confidence, as_of)
    return ProviderAnswer(
        draw(st.sampled_from(["one", "two"])),
        "person",
        ABOUT,
        "match",
        AT,
        facts,
        cost=draw(st.integers(0, 30)),
        billed=draw(st.booleans()),
        requested=tuple(names),
    )


people = st.builds(
    Person,
    email=st.just(EMAIL),
    first_name=st.none() | st.sampled_from(["Ana", "Zoe"]),
    title=st.none() | st.just("Clerk"),
    phone=st.none() | st.just("+4930901820"),
)


def lead_of(person: Person) -> LeadRow:
    form = normalise_form(LeadReceivedV1(person=person))
    lead = merge(LeadRow("lead"), form, AT)
    return replace(lead, account=account_of(lead))


def folded(lead: LeadRow, told: Sequence[ProviderAnswer]) -> LeadRow:
    for one in told:
        lead = enrich_again(lead, LookupResult((one,), TERMS, "exhausted"), AT)
    return lead


def paid(lead: LeadRow) -> int:
    return sum(origin.cost for origin in lead.provenance.values())


def quality(origin: FieldSource) -> tuple[bool, bool, float]:
    return origin.source == "form", is_acceptable(origin, TERMS["person.title"], AT), origin.confidence


@given(people, st.lists(answers(), max_size=6))
def test_the_costs_of_fields_add_up_to_the_price_of_the_answers_that_gave_them(person, told):
    lead, expected = lead_of(person), 0
    for one in told:
        after = folded(lead, [one])
        used = any(after.provenance.get(name) != lead.provenance.get(name) for name in one.facts.confidence)
        expected += one.cost if one.billed and used else 0
        lead = after
    assert paid(lead) == expected <= lead.enrichment.cost
    assert lead.enrichment.cost == sum(one.cost for one in told if one.billed)


@given(people, st.lists(answers(), max_size=6))
def test_no_answer_makes_a_field_worse_or_changes_what_a_person_said(person, told):
    lead = lead_of(person)
    for one in told:
        after = folded(lead, [one])
        for name, before in lead.provenance.items():
            assert quality(after.provenance[name]) >= quality(before), name
            if before.source == "form":
                assert value_of(after.person, after.company, name) == value_of(
                    lead.person, lead.company, name
                )
        lead = after


@given(people, st.lists(answers(), max_size=6))
def test_the_same_answers_again_change_nothing(person, told):
    lead = folded(lead_of(person), told)
    cached = [replace(one, billed=False) for one in told]
    again = folded(lead, cached)
    final = folded(again, cached)
    assert (final.person, final.company, paid(final)) == (again.person, again.company, paid(again))
    assert again.enrichment.cost == lead.enrichment.cost


@given(people, answers())
def test_nothing_about_another_person_is_taken(person, told):
    lead = lead_of(person)
    after = enrich(lead, LookupResult((told,), TERMS, "exhausted"), AT)
    if not is_same_person(lead.person, told.facts.person, ()) and lead.person.first_name:
        assert after.person == replace(lead.person, email_status=after.person.email_status)
    assert after.person.email == lead.person.email

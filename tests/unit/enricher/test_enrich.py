from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.enricher.domain.enrich import RETRY_FOR, enrich, is_same_person, retry_at
from services.enricher.domain.form import stated
from services.enricher.domain.providers import (
    LookupResult,
    ProviderAnswer,
    ProviderFacts,
    answer_from_row,
    cache_row,
    lookup_target,
    mark_stale,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.spending import add_spend
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.parts import Company, FieldSource, Person
from shared.policy.models import Waterfall
from shared.rules.times import Duration
from tests.support.forms import ANA, AT, form, merged

DAY = Duration(86_400)
FIELDS = {
    name: Waterfall(order=("one", "two"), min_confidence=70, fresh=DAY)
    for name in ("company.employees", "company.industry", "company.country")
}
FOUND = ProviderFacts(
    company=Company(employees=350, industry="software", country="US"),
    confidence={"company.employees": 0.9, "company.industry": 0.9, "company.country": 0.6},
)
ANSWER = ProviderAnswer(
    "one", "company", "brightloom.example", "match", AT, FOUND, cost=8, requested=tuple(FIELDS)
)


def _lead(company: Company | None = None) -> LeadRow:
    return replace(merged(form(company)), account="brightloom.example")


def _enriched(lead: LeadRow, *answers: ProviderAnswer, stop="exhausted") -> LeadRow:
    return enrich(lead, LookupResult(answers, FIELDS, stop), AT)


def test_a_provider_does_not_replace_what_the_form_says():
    lead = _enriched(_lead(Company(employees=10)), ANSWER)
    assert (lead.company.employees, lead.company.industry) == (10, "software")
    assert lead.provenance["company.employees"].source == "form"


def test_the_price_of_an_answer_is_split_over_the_values_that_were_used():
    lead = _enriched(_lead(), ANSWER)
    costs = [origin.cost for origin in lead.provenance.values() if origin.source == "one"]
    assert sorted(costs) == [2, 3, 3]
    assert lead.enrichment.cost == 8


@pytest.mark.parametrize(
    ("confidence", "days_old", "taken"),
    [(0.95, 0, True), (0.9, 0, False), (0.8, 0, False), (1.0, 2, False)],
    ids=["surer", "as-sure", "less-sure", "sure-but-old"],
)
def test_a_provider_s_value_is_replaced_by_a_better_one_only(confidence, days_old, taken):
    other = ProviderFacts(
        company=Company(employees=999),
        confidence={"company.employees": confidence},
        as_of=AT - timedelta(days=days_old),
    )
    lead = _enriched(_lead(), ANSWER, replace(ANSWER, provider="two", facts=other))
    assert (lead.company.employees == 999) is taken


def test_a_value_below_the_required_confidence_is_used_until_a_better_one_comes():
    weak = ProviderFacts(company=Company(country="DE"), confidence={"company.country": 0.3})
    lead = _enriched(_lead(), replace(ANSWER, facts=weak))
    assert lead.company.country == "DE"
    good = ProviderFacts(company=Company(country="FR"), confidence={"company.country": 0.7})
    assert _enriched(lead, replace(ANSWER, provider="two", facts=good)).company.country == "FR"


@pytest.mark.parametrize("source", ["human", "crm", "form"])
def test_a_provider_does_not_replace_what_a_person_entered(source):
    lead = _lead()
    lead = replace(
        lead,
        company=replace(lead.company, employees=7),
        provenance={**lead.provenance, "company.employees": FieldSource(source, 0.5, 0, AT)},
    )
    assert _enriched(lead, ANSWER).company.employees == 7


def test_a_new_title_sets_seniority_and_department():
    found = ProviderFacts(person=Person(title="VP of Sales"), confidence={"person.title": 0.9})
    lead = merged(form())
    about = "cd6a5b5f-0000-5000-8000-000000000000"
    answer = replace(ANSWER, subject="person", facts=found, about=about)
    assert _enriched(lead, answer).person.title is None  # about somebody else
    own = lookup_target(lead.account, lead.lead_id, lead.person).about("person")
    assert own is not None
    person = _enriched(lead, replace(answer, about=own)).person
    assert (person.title, person.seniority, person.department) == ("VP of Sales", "vp", "sales")


@pytest.mark.parametrize(
    ("outcome", "billed", "stop", "status", "step"),
    [
        ("match", True, "complete", "complete", "match"),
        ("match", False, "complete", "complete", "cached"),
        ("no_match", True, "exhausted", "complete", "no_match"),
        ("failed", True, "exhausted", "incomplete", "failed"),
        ("timeout", False, "exhausted", "incomplete", "timeout"),
        ("failed", True, "settled", "complete", "failed"),
        ("match", True, "budget", "incomplete", "match"),
        ("match", True, "deadline", "incomplete", "match"),
    ],
)
def test_the_status_of_an_enrichment_follows_from_its_answers_and_its_stop(
    outcome, billed, stop, status, step
):
    answer = replace(ANSWER, outcome=outcome, billed=billed, facts=ProviderFacts(), cost=0)
    lead = _enriched(_lead(), answer, stop=stop)
    assert (lead.enrichment.status, [taken.outcome for taken in lead.enrichment.steps]) == (status, [step])
    assert lead.enrichment.steps[0].fields == list(FIELDS)


def test_a_look_up_without_answers_is_skipped_unless_nothing_is_missing():
    assert _enriched(_lead(), stop="settled").enrichment.status == "skipped"
    full = _lead(Company(employees=1, industry="x", country="US"))
    assert _enriched(full, stop="complete").enrichment.status == "complete"


def test_an_answer_about_another_account_is_not_used():
    lead = _enriched(_lead(), replace(ANSWER, about="copperfen.example"))
    assert lead.company.employees is None
    assert not lead.enrichment.steps


def test_only_conclusive_answers_are_cached():
    row = cache_row(ANSWER, FIELDS)
    assert row is not None
    assert row.expires_at - AT == timedelta(days=1)
    assert answer_from_row(row) == replace(ANSWER, billed=False, cost=0)
    assert cache_row(replace(ANSWER, billed=False), FIELDS) is None
    assert cache_row(replace(ANSWER, outcome="timeout"), FIELDS) is None


def test_a_match_older_than_the_policy_allows_is_stale():
    old = replace(ANSWER, facts=replace(FOUND, as_of=AT - timedelta(days=2)))
    assert mark_stale(old, FIELDS).outcome == "stale"
    assert mark_stale(ANSWER, FIELDS).outcome == "match"


def test_spending_counts_the_billed_calls_of_a_day():
    answers = [ANSWER, replace(ANSWER, outcome="no_match", cost=0), replace(ANSWER, billed=False)]
    rows = add_spend({}, answers, LeadRow("lead"), LeadRow("lead"))
    assert [(row.day, row.provider, row.calls, row.matches, row.cents) for row in rows] == [
        ("2026-03-01", "one", 2, 1, 8)
    ]


def test_the_retries_of_an_incomplete_lead_get_rarer_and_end():
    lead = replace(_lead(), enrichment=Enrichment("incomplete", 0, []), last_at=AT)
    first = retry_at(lead, AT)
    assert first == AT + timedelta(seconds=15)
    assert retry_at(lead, AT + timedelta(minutes=10)) == AT + timedelta(minutes=20)
    assert retry_at(lead, AT + RETRY_FOR + timedelta(seconds=1)) is None
    assert retry_at(replace(lead, enrichment=Enrichment("complete", 0, [])), AT) is None


def _told(person: Person, company: Company | None = None) -> ProviderAnswer:
    about = lookup_target("brightloom.example", "lead", Person(email=ANA)).about("person")
    assert about is not None
    confidence = {f"person.{name}": 0.9 for name in stated(person)}
    confidence |= {f"company.{name}": 0.8 for name in stated(company or Company())}
    facts = ProviderFacts(person, company or Company(), confidence)
    return replace(ANSWER, subject="person", about=about, facts=facts, cost=10)


def test_every_field_of_a_paid_answer_is_kept_and_its_price_is_split_over_all_of_them():
    person = Person(first_name="Ana", last_name="Lopez", phone="+12015550143", title="CFO")
    lead = _enriched(_lead(), _told(person, Company(name="Brightloom", growth_pct=12)))
    origins = {name: origin for name, origin in lead.provenance.items() if origin.source == "one"}
    assert set(origins) == {
        "person.first_name", "person.last_name", "person.phone", "person.title",
        "company.name", "company.growth_pct",
    }  # fmt: skip
    assert sum(origin.cost for origin in origins.values()) == lead.enrichment.cost == 10


def test_a_provider_s_name_does_not_replace_the_form_s():
    lead = replace(merged(form(first_name="Anna", last_name="López")), account="brightloom.example")
    lead = _enriched(lead, _told(Person(first_name="Ana", last_name="Lopez", phone="+12015550143")))
    assert (lead.person.first_name, lead.person.last_name) == ("Anna", "López")
    assert lead.person.phone == "+12015550143"


@pytest.mark.parametrize(
    ("known", "email", "same"),
    [
        (Person(first_name="Bob", last_name="Smith"), ANA, False),
        (Person(first_name="Bob"), ANA, False),
        (Person(last_name="Smith"), "a.lopez@brightloom.example", True),
        (Person(first_name="Bob"), "a.lopez@brightloom.example", True),
        (Person(first_name="A."), ANA, True),
        (Person(first_name="ANÁ"), ANA, True),
        (Person(first_name="Bob", last_name="Lopez"), ANA, True),
        (Person(), ANA, True),
    ],
    ids=str,
)
def test_nothing_is_taken_from_the_record_of_another_person(known, email, same):
    told = Person(first_name="Ana", last_name="Lopez", phone="+12015550143")
    if email == ANA and not same:
        email = "sales@brightloom.example"
    assert is_same_person(replace(known, email=email), told, ()) is same


def test_a_shared_mailbox_does_not_give_its_sender_somebody_else_s_telephone_number():
    lead = replace(
        merged(form(email="ops@brightloom.example", first_name="Bob")), account="brightloom.example"
    )
    answer = _told(
        Person(first_name="Ana", last_name="Lopez", phone="+12015550143"), Company(name="Brightloom")
    )
    about = lookup_target(lead.account, lead.lead_id, lead.person).about("person")
    lead = _enriched(lead, replace(answer, about=about))
    assert (lead.person.last_name, lead.person.phone, lead.company.name) == (None, None, "Brightloom")


@pytest.mark.parametrize(
    ("told", "taken"), [("Brightloom GmbH", True), ("Copperfen", False)], ids=["the-same", "another"]
)
def test_a_person_s_employer_gives_the_domain_unless_the_form_names_another_company(told, taken):
    lead = merged(form(Company(name="Brightloom"), email="ana@gmail.com"))
    lead = replace(lead, account=lead.lead_id)
    answer = _told(Person(first_name="Ana", title="CFO"), Company(name=told, domain="brightloom.example"))
    about = lookup_target(lead.account, lead.lead_id, lead.person).about("person")
    lead = _enriched(lead, replace(answer, about=about))
    assert (lead.company.name, lead.person.first_name) == ("Brightloom", "Ana")
    assert (lead.company.domain, lead.person.title) == (
        ("brightloom.example", "CFO") if taken else (None, None)
    )
    assert lead.account == ("brightloom.example" if taken else lead.lead_id)

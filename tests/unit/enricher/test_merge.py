from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import ACTIVITIES_MAX, account_of, merge
from shared.errors import DataError
from shared.lead.bounds import HISTORY_BYTES_MAX
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity, Company, Consent, FieldSource, Origin, Person
from tests.support.forms import ANA, AT, form, merged


def test_a_later_form_adds_and_replaces_values_and_removes_none():
    lead = merged(
        form(
            Company(name="Brightloom", employees=300), title="CTO", message="Hello", answers={"a": 1, "b": 2}
        ),
        form(Company(employees=350), first_name="ana", message=" ", answers={"b": 3, "c": ""}),
    )
    assert (lead.company.name, lead.company.employees) == ("Brightloom", 350)
    assert (lead.person.first_name, lead.person.title) == ("Ana", "CTO")
    assert (lead.message, lead.answers) == ("Hello", {"a": 1, "b": 3})


def test_values_are_normalised():
    company = Company(domain="https://www.Brightloom.example/about", country="Germany")
    lead = merged(
        form(company, email="Ana+news@BRIGHTLOOM.example", phone="030 901820", country="deutschland")
    )
    assert (lead.person.email, lead.person.email_kind) == ("ana+news@brightloom.example", "work")
    assert (lead.person.phone, lead.person.country) == ("+4930901820", "DE")
    assert (lead.company.domain, lead.company.country) == ("www.brightloom.example", "DE")
    assert account_of(lead) == "brightloom.example"


@pytest.mark.parametrize(
    ("email", "domain", "expected"),
    [
        (ANA, None, "brightloom.example"),
        ("info@mail.brightloom.example", None, "brightloom.example"),
        ("ana@gmail.com", None, None),
        ("ana@gmail.com", "gmail.com", None),
        (ANA, "gmail.com", "brightloom.example"),
        (ANA, "brightloom.io", "brightloom.io"),
    ],
)
def test_the_company_is_that_of_the_domain_or_of_a_work_address(email, domain, expected):
    lead = merged(form(Company(domain=domain), email=email))
    assert lead.company.domain == expected
    assert ("company.domain" in lead.provenance) == (expected is not None)
    assert account_of(lead) == (expected or "lead")


def test_an_unparsed_phone_replaces_no_parsed_one():
    assert merged(form(phone="ask for Ana")).person.phone == "ask for Ana"
    assert merged(form(phone="+4930901820"), form(phone="ask for Ana")).person.phone == "+4930901820"
    assert merged(form(phone="ask for Ana"), form(phone="+4930901820")).person.phone == "+4930901820"


def test_a_new_title_replaces_seniority_and_department():
    lead = merged(form(title="VP of Sales"), form(title="Wizard"))
    assert (lead.person.title, lead.person.seniority, lead.person.department) == ("Wizard", None, None)
    assert merged(form(title="VP of Sales"), form()).person.seniority == "vp"


def test_a_person_without_email_has_an_email_of_no_kind():
    assert merged(form(email=None, phone="+4930901820")).person.email_kind == "none"


def test_the_provenance_of_an_unchanged_value_keeps_its_first_time():
    first = merge(merged(), form(title="CTO"), AT)
    later = merge(first, form(title="CTO", first_name="Ana"), AT + timedelta(days=1))
    given = FieldSource("form", 1.0, 0, AT)
    assert {name: later.provenance[name] for name in ("person.email", "person.title", "company.domain")} == {
        "person.email": given,
        "person.title": given,
        "company.domain": given,
    }
    assert later.provenance["person.first_name"].at == AT + timedelta(days=1)
    assert "person.seniority" not in later.provenance


def test_provider_values_of_a_former_company_are_removed():
    lead = merged(form(Company(name="Brightloom")))
    bought = FieldSource("clearbit", 0.9, 8, AT)
    lead = replace(
        lead,
        company=replace(lead.company, employees=350),
        provenance={**lead.provenance, "company.employees": bought},
    )
    assert merge(lead, form(Company(domain="eu.brightloom.example")), AT).company.employees == 350
    moved = merge(lead, form(Company(domain="copperfen.example")), AT)
    assert (moved.company.name, moved.company.employees) == ("Brightloom", None)
    assert "company.employees" not in moved.provenance


def test_activities_count_once_and_the_newest_are_kept():
    views = [Activity("page_view", AT + timedelta(minutes=n), url=f"/{n}") for n in range(150)]
    lead = merged(form(activities=views[:100]), form(activities=views[50:]))
    assert lead.activities == views
    more = [Activity("page_view", AT + timedelta(days=1, minutes=n)) for n in range(150)]
    lead = merge(lead, form(activities=more), AT)
    assert len(lead.activities) == ACTIVITIES_MAX
    assert lead.activities[-150:] == more


def test_answers_and_activities_are_bounded_in_bytes():
    answers = {f"{n}": "x" * 10_000 for n in range(20)}
    activities = [Activity("page_view", AT, details={"x": f"{n}" + "x" * 10_000}) for n in range(20)]
    lead = merged(form(answers=answers, activities=activities))
    assert 0 < len(lead.answers) * 10_000 <= HISTORY_BYTES_MAX
    assert 0 < len(lead.activities) * 10_000 <= HISTORY_BYTES_MAX
    assert "19" in lead.answers


def test_an_opt_out_outlives_later_forms():
    lead = merged(
        form(consent=Consent(marketing=True, opted_out=True)), form(consent=Consent(marketing=False))
    )
    assert (lead.consent.opted_out, lead.consent.marketing) == (True, False)


def test_a_later_form_keeps_the_parts_of_the_source_that_it_does_not_state():
    lead = merged(
        form(source=Origin(channel="paid", campaign="spring")), form(source=Origin(channel="website"))
    )
    assert (lead.source.channel, lead.source.campaign) == ("website", "spring")


def test_a_form_that_identifies_nobody_is_refused():
    with pytest.raises(DataError, match="no e-mail") as refused:
        normalise_form(LeadReceivedV1(person=Person(email="at example", first_name="Ana")))
    assert refused.value.kind == "identity"

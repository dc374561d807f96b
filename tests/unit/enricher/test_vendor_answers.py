"""What each vendor's answer about a person becomes: every field that was paid for, and nobody else's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.enricher.domain.providers import LookupTarget, ProviderQuery, Subject
from services.enricher.providers.integration import ParsedReply
from services.enricher.providers.vendor_facts import (
    ListedPhone,
    best_phone,
    provider_facts,
    range_midpoint,
)
from shared.integrations.vendor_replies import HttpReply
from tests.support.forms import AT
from tests.support.integrations import INTEGRATIONS

ANA = LookupTarget("brightloom.example", "ana@brightloom.example", "Ana", "Lopez")
EMPLOYER = {"company.name": "Brightloom", "company.domain": "brightloom.example"}
NAMES = {"person.first_name": "Ana", "person.last_name": "Lopez"}

PDL = {
    "first_name": "ana",
    "last_name": "lopez",
    "mobile_phone": "+12015550143",
    "phone_numbers": ["+12015550199"],
    "linkedin_url": "linkedin.com/in/ana-lopez",
    "job_title": "vp sales",
    "job_title_role": "sales",
    "job_company_name": "Brightloom",
    "job_company_website": "brightloom.example",
    "job_company_size": "201-500",
    "job_company_inferred_revenue": "$25M-$50M",
    "job_company_12mo_employee_growth_rate": 0.22,
    "location_country": "united states",
}
APOLLO = {
    "first_name": "Ana",
    "last_name": "Lopez",
    "title": "VP Sales",
    "email": "ana@brightloom.example",
    "email_status": "verified",
    "phone_numbers": [
        {"sanitized_number": "+12015550100", "type": "work_hq"},
        {"sanitized_number": "+12015550143", "type": "mobile", "dnc_status": "not_found"},
    ],
    "employment_history": [{"current": False, "organization_name": "Copperfen", "title": "Clerk"}],
    "organization": {
        "name": "Brightloom",
        "primary_domain": "brightloom.example",
        "estimated_num_employees": 350,
        "technology_names": ["Salesforce"],
    },
}
CLEARBIT = {
    "name": {"givenName": "Ana", "familyName": "Lopez"},
    "employment": {"domain": "brightloom.example", "name": "Brightloom", "title": "VP Sales"},
    "linkedin": {"handle": "in/ana-lopez"},
    "phone": "+12015550143",
}
HUNTER = {
    "email": "ana@brightloom.example",
    "score": 90,
    "first_name": "Ana",
    "last_name": "Lopez",
    "position": "VP Sales",
    "phone_number": "+12015550143",
    "company": "Brightloom",
    "domain": "brightloom.example",
    "verification": {"status": "valid", "date": "2026-01-01"},
}


def parsed(vendor: str, body: Any, subject: Subject = "person", target: LookupTarget = ANA) -> ParsedReply:
    query = ProviderQuery(vendor, subject, "lead", target)
    return INTEGRATIONS[vendor].parse(query, HttpReply(200, msgspec.json.encode(body)), AT)


def facts(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {name: value for name, value, _confidence in parsed(*args, **kwargs).facts.values()}


@pytest.mark.parametrize(
    ("vendor", "body", "more"),
    [
        (
            "peopledatalabs",
            {"likelihood": 9, "data": PDL},
            {"company.employees": 350, "company.revenue_usd": 37_500_000, "company.growth_pct": 22},
        ),
        (
            "apollo",
            {"person": APOLLO},
            {"company.employees": 350, "company.technologies": ["salesforce"], "person.email_status": "verified"},
        ),
        (
            "clearbit",
            {
                "person": CLEARBIT,
                "company": {
                    "name": "Brightloom",
                    "domain": "brightloom.example",
                    "metrics": {"employeesRange": "251-1K", "estimatedAnnualRevenue": "$10M-$50M"},
                },
            },
            {"company.employees": 625, "company.revenue_usd": 30_000_000},
        ),
        ("hunter", {"data": HUNTER}, {"person.email_status": "verified"}),
    ],
    ids=["peopledatalabs", "apollo", "clearbit", "hunter"],
)  # fmt: skip
def test_everything_that_an_answer_says_of_the_person_and_the_employer_is_kept(vendor, body, more):
    found = facts(vendor, body)
    expected = {**NAMES, **EMPLOYER, **more, "person.phone": "+12015550143"}
    assert {name: found.get(name) for name in expected} == expected
    assert (found["person.title"].casefold(), found["person.department"]) == ("vp sales", "sales")
    assert found.keys() <= INTEGRATIONS[vendor].gives["person"]


def test_the_owner_of_an_address_is_kept_even_if_its_mailbox_could_not_be_asked():
    found = facts("zerobounce", {"status": "unknown", "firstname": "Ana", "lastname": "Lopez"}, "email")
    assert found == NAMES


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("peopledatalabs", {"likelihood": 9, "data": {**PDL, "job_company_website": "copperfen.example"}}),
        ("apollo", {"person": {**APOLLO, "organization": {"name": "Copperfen", "primary_domain": "copperfen.example"}}}),
        ("clearbit", {"person": {**CLEARBIT, "employment": {"domain": "copperfen.example", "title": "Clerk"}}}),
    ],
    ids=["peopledatalabs", "apollo", "clearbit"],
)  # fmt: skip
def test_an_earlier_employer_and_the_job_there_are_not_used(vendor, body):
    found = facts(vendor, body)
    assert {name: found.get(name) for name in NAMES} == NAMES
    assert not [name for name in found if name.startswith("company.")]
    assert found.keys().isdisjoint({"person.title", "person.seniority", "person.department"})


def test_the_employer_of_a_person_who_writes_from_a_mail_service_is_kept():
    found = facts("apollo", {"person": APOLLO}, target=LookupTarget(None, "ana@gmail.com"))
    assert {name: found.get(name) for name in EMPLOYER} == EMPLOYER
    assert "person.email_status" not in found  # said of another address


def test_what_is_said_of_the_employer_is_less_sure_than_what_is_said_of_the_person():
    confidence = parsed("peopledatalabs", {"likelihood": 10, "data": PDL}).facts.confidence
    assert (confidence["person.phone"], confidence["company.name"]) == (1.0, 0.9)


@pytest.mark.parametrize(
    ("vendor", "body", "subject"),
    [
        ("peopledatalabs", {"likelihood": 9, "data": {"first_name": True, "mobile_phone": True, "job_title": False, "phone_numbers": True}}, "person"),
        ("peopledatalabs", {"likelihood": 9}, "company"),
        ("apollo", {"person": {"id": "1", "email_status": "unavailable"}}, "person"),
        ("apollo", {"organization": {}}, "company"),
        ("clearbit", {"person": {"id": "1"}, "company": None}, "person"),
        ("clearbit", {}, "company"),
        ("hunter", {"data": {"email": "ana@brightloom.example"}}, "person"),
        ("hunter", {"data": {"status": "unknown"}}, "email"),
        ("zerobounce", {"status": "unknown", "firstname": None}, "email"),
    ],
)  # fmt: skip
def test_an_answer_without_a_field_that_baton_has_is_no_match(vendor, body, subject):
    assert parsed(vendor, body, subject).verdict in ("no_match", "unknown")


def test_a_value_that_does_not_fit_its_field_costs_no_other():
    told = provider_facts(0.9, company={"employees": -5, "name": "Brightloom", "growth_pct": -200})
    assert dict(told.confidence) == {"company.name": 0.9}
    assert told.company.employees is None


@pytest.mark.parametrize(
    ("phones", "best"),
    [
        ([ListedPhone("+12015550101"), ListedPhone("+12015550102", "work_direct")], "+12015550102"),
        ([ListedPhone("+12015550101", "direct"), ListedPhone("+12015550102", "Mobile")], "+12015550102"),
        ([ListedPhone("+12015550101", "mobile", do_not_call=True), ListedPhone("+12015550102", "home")], "+12015550102"),
        ([ListedPhone("+12015550101", "work_hq"), ListedPhone("+12015550102", "work_fax")], None),
        ([ListedPhone("ask me", "mobile"), ListedPhone("+12015550102", "other")], "+12015550102"),
        ([ListedPhone(True), ListedPhone(None)], None),
    ],
)  # fmt: skip
def test_the_number_on_which_a_person_is_reached_best(phones, best):
    assert best_phone(phones, None) == best


@pytest.mark.parametrize(
    ("text", "midpoint"), [("$10M-$25M", 17_500_000), ("$500M-$1B", 750_000_000), ("$10B+", 10_000_000_000)]
)
def test_the_midpoint_of_a_range_of_money(text, midpoint):
    assert range_midpoint(text) == midpoint

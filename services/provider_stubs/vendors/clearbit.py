"""Companies and people in the shape of Clearbit: `/v2/companies/find?domain=`, `/v2/combined/find?email=`.

What an integration has to expect: 202 for the first call about some subjects, a range instead of a head
count, people without a company.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from services.provider_stubs import vendor_records, vocabulary
from services.provider_stubs.vendor_records import CompanyRecord, Coverage, PersonRecord
from services.provider_stubs.vendors.vendor import (
    DomainParameters,
    EmailParameters,
    Vendor,
    VendorEndpoint,
    VendorReply,
    bracket,
)
from services.provider_stubs.world import World, day_of
from shared.lead.ids import derive_id
from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.titles import department, seniority

COVERAGE: Final = Coverage("clearbit", companies=55, people=45, slow=4, vague=15, withheld=50)
PRICE_CENTS: Final = 12

_ERRORS: Final = {
    401: ("auth_required", "Authentication is required."),
    402: ("over_quota", "The quota of this account is used up."),
    404: ("unknown_record", "Unknown record."),
    422: ("params_invalid", "A parameter is missing or not valid."),
    429: ("rate_limit", "Too many requests."),
}
_QUEUED: Final = VendorReply(202, {"error": {"type": "queued", "message": "The record is being looked up."}})
_EMPLOYEES: Final = (
    (10, "1-10"),
    (50, "11-50"),
    (250, "51-250"),
    (1_000, "251-1K"),
    (5_000, "1K-5K"),
    (10_000, "5K-10K"),
    (50_000, "10K-50K"),
    (100_000, "50K-100K"),
)
_REVENUES: Final = (
    (1, "$0-$1M"),
    (10, "$1M-$10M"),
    (50, "$10M-$50M"),
    (100, "$50M-$100M"),
    (250, "$100M-$250M"),
    (500, "$250M-$500M"),
    (1_000, "$500M-$1B"),
    (10_000, "$1B-$10B"),
)
_INDUSTRIES: Final = {
    "software": "Internet Software & Services",
    "it services": "IT Services",
    "business services": "Professional Services",
}
_SENIORITIES: Final = {"cxo": "executive", "vp": "executive", "director": "director", "manager": "manager"}


def error(status: int) -> VendorReply:
    """Return Clearbit's answer with an error status."""
    type_, message = _ERRORS.get(status, ("internal_error", "Something went wrong."))
    return VendorReply(status, {"error": {"type": type_, "message": message}})


def find_company(world: World, parameters: DomainParameters, today: date) -> VendorReply:
    """Answer for `?domain=`; only a match is billed."""
    domain = normalise_domain(parameters.domain)
    if domain is None:
        return error(422)
    seen = vendor_records.company_record(world, COVERAGE, domain)
    if seen is None:
        return error(404)
    return _found(world, seen.company.domain, company_body(world, seen, today))


def find_combined(world: World, parameters: EmailParameters, today: date) -> VendorReply:
    """Answer for `?email=` with the person, the company, or both; only a match is billed."""
    address = normalise_email(parameters.email)
    if address is None:
        return error(422)
    person = vendor_records.person_record(world, COVERAGE, address.address)
    company = vendor_records.company_record(world, COVERAGE, address.domain)
    if person is None and company is None:
        return error(404)
    body = {
        "person": person and person_body(world, person, today),
        "company": company and company_body(world, company, today),
    }
    return _found(world, address.identity, body)


def _found(world: World, subject: str, body: dict[str, Any]) -> VendorReply:
    first = _QUEUED if vendor_records.is_slow(world, COVERAGE, subject) else None
    return VendorReply(200, body, PRICE_CENTS, matched=True, first=first)


def company_body(world: World, seen: CompanyRecord, today: date) -> dict[str, Any]:
    """Return a record as Clearbit's company; of some, with a range for the head count."""
    company = seen.company
    industry = _INDUSTRIES.get(company.industry, company.industry.title())
    range_only = vendor_records.is_vague(world, COVERAGE, company.domain)
    return {
        "id": derive_id("clearbit", company.domain, "company", 0),
        "name": company.name,
        "legalName": f"{company.name} Inc",
        "domain": company.domain,
        "domainAliases": [],
        "category": {
            "sector": None,
            "industryGroup": None,
            "industry": industry,
            "subIndustry": None,
        },
        "metrics": {
            "employees": None if range_only else company.employees,
            "employeesRange": bracket(company.employees, _EMPLOYEES, "100K+"),
            "annualRevenue": None if range_only else company.revenue_usd,
            "estimatedAnnualRevenue": bracket(company.revenue_usd / 1_000_000, _REVENUES, "$10B+"),
            "raised": company.funding_total_usd or None,
            "marketCap": None,
        },
        "geo": {"country": vocabulary.COUNTRY_NAMES[company.country], "countryCode": company.country},
        "parent": {"domain": company.parent},
        "ultimateParent": {"domain": company.parent},
        "tech": list(company.technologies),
        "indexedAt": _indexed(today, seen.days_old),
    }


def person_body(world: World, seen: PersonRecord, today: date) -> dict[str, Any]:
    """Return a record as Clearbit's person."""
    person, company = seen.person, seen.company
    return {
        "id": derive_id("clearbit", person.email, "person", 0),
        "name": {
            "fullName": f"{person.first_name} {person.last_name}",
            "givenName": person.first_name,
            "familyName": person.last_name,
        },
        "email": person.email,
        "geo": {"country": vocabulary.COUNTRY_NAMES[company.country], "countryCode": company.country},
        "employment": {
            "domain": company.domain,
            "name": company.name,
            "title": person.title,
            "role": department(person.title),
            "seniority": _SENIORITIES.get(seniority(person.title) or ""),
        },
        "linkedin": {"handle": person.linkedin_url.partition("linkedin.com/")[2]},
        "phone": None if vendor_records.withholds_contact(world, COVERAGE, person.email) else person.phone,
        "fuzzy": False,
        "emailProvider": False,
        "indexedAt": _indexed(today, seen.days_old),
    }


def _indexed(today: date, days_old: int) -> str:
    return f"{day_of(today, days_old)}T00:00:00.000Z"


CLEARBIT: Final = Vendor(
    name=COVERAGE.vendor,
    endpoints=(
        VendorEndpoint("/v2/companies/find", DomainParameters, find_company),
        VendorEndpoint("/v2/combined/find", EmailParameters, find_combined),
    ),
    error=error,
    key_headers=("authorization",),
)

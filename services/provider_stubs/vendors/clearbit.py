"""Companies and people in the shape of Clearbit: `/v2/companies/find?domain=`, `/v2/combined/find?email=`.

Its traps: 202 to whoever asks first for some, a range instead of a head count, people without a company.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from services.provider_stubs import knowledge, vocabulary
from services.provider_stubs.knowledge import Coverage, SeenCompany, SeenPerson
from services.provider_stubs.vendors.vendor import Endpoint, Question, Reply, Vendor, bracket
from services.provider_stubs.world import World, day_of
from shared.lead.ids import derive_id
from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.titles import department, seniority

COVERAGE: Final = Coverage("clearbit", companies=55, people=45, slow=4, vague=15)
PRICE_CENTS: Final = 12

_PROBLEMS: Final = {
    401: ("auth_required", "Authentication is required."),
    402: ("over_quota", "The quota of this account is used up."),
    404: ("unknown_record", "Unknown record."),
    422: ("params_invalid", "A parameter is missing or not valid."),
    429: ("rate_limit", "Too many requests."),
}
_QUEUED: Final = Reply(202, {"error": {"type": "queued", "message": "The record is being looked up."}})
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


def problem(status: int) -> Reply:
    """Return Clearbit's way to say that it fails."""
    type_, message = _PROBLEMS.get(status, ("internal_error", "Something went wrong."))
    return Reply(status, {"error": {"type": type_, "message": message}})


def find_company(world: World, question: Question) -> Reply:
    """Answer for `?domain=`; only a match is billed."""
    domain = normalise_domain(question.get("domain"))
    if domain is None:
        return problem(422)
    seen = knowledge.see_company(world, COVERAGE, domain)
    if seen is None:
        return problem(404)
    return _found(world, seen.company.domain, _company(world, seen, question.today))


def find_combined(world: World, question: Question) -> Reply:
    """Answer for `?email=`; who is not known has their company all the same, and the other way round."""
    address = normalise_email(question.get("email"))
    if address is None:
        return problem(422)
    person = knowledge.see_person(world, COVERAGE, address.address)
    company = knowledge.see_company(world, COVERAGE, address.domain)
    if person is None and company is None:
        return problem(404)
    body = {
        "person": person and _person(person, question.today),
        "company": company and _company(world, company, question.today),
    }
    return _found(world, address.identity, body)


def _found(world: World, subject: str, body: dict[str, Any]) -> Reply:
    first = _QUEUED if knowledge.is_slow(world, COVERAGE, subject) else None
    return Reply(200, body, PRICE_CENTS, matched=True, first=first)


def _company(world: World, seen: SeenCompany, today: date) -> dict[str, Any]:
    company = seen.company
    industry = _INDUSTRIES.get(company.industry, company.industry.title())
    range_only = knowledge.is_vague(world, COVERAGE, company.domain)
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


def _person(seen: SeenPerson, today: date) -> dict[str, Any]:
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
        "phone": None,
        "fuzzy": False,
        "emailProvider": False,
        "indexedAt": _indexed(today, seen.days_old),
    }


def _indexed(today: date, days_old: int) -> str:
    return f"{day_of(today, days_old)}T00:00:00.000Z"


CLEARBIT: Final = Vendor(
    name=COVERAGE.vendor,
    endpoints=(
        Endpoint("/v2/companies/find", find_company, lambda question: question.get("domain")),
        Endpoint("/v2/combined/find", find_combined, lambda question: question.get("email")),
    ),
    problem=problem,
    key_headers=("authorization",),
)

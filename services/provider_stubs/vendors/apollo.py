"""Companies and people in the shape of Apollo: `/api/v1/organizations/enrich`, `/api/v1/people/match`.

What an integration has to expect: 200 with null where nothing matches, an address that is locked, telephone
numbers of the company among those of a person, others on a do-not-call list, earlier employers, countries by
name, money both as a number and as printed, growth as a fraction, seniorities of Apollo's own.
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
    company_phone,
    employments,
)
from services.provider_stubs.world import World, WorldCompany, day_of, seeded_random
from shared.lead.ids import derive_id
from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.titles import department, seniority

COVERAGE: Final = Coverage("apollo", companies=60, people=60, withheld=10)
PRICE_CENTS: Final = 8

_ERRORS: Final = {
    401: "Invalid access credentials.",
    422: "A parameter is missing or not valid.",
    429: "The maximum number of api calls allowed is reached.",
}
_SENIORITIES: Final = {"cxo": "c_suite"}
_INDUSTRIES: Final = {"software": "computer software", "it services": "information technology & services"}
_LOCKED: Final = "email_not_unlocked@domain.com"
_LOCKED_PCT: Final = 10


def error(status: int) -> VendorReply:
    """Return Apollo's answer with an error status: the rate limit as `message`, all others as `error`."""
    text = _ERRORS.get(status, "Something went wrong.")
    return VendorReply(status, {"message" if status == 429 else "error": text})


def enrich_organization(world: World, parameters: DomainParameters, today: date) -> VendorReply:
    """Answer for `?domain=`; only a match is billed."""
    domain = normalise_domain(parameters.domain)
    if domain is None:
        return error(422)
    seen = vendor_records.company_record(world, COVERAGE, domain)
    if seen is None:
        return VendorReply(200, {"organization": None})
    return VendorReply(200, {"organization": organization_body(seen, today)}, PRICE_CENTS, matched=True)


def match_person(world: World, parameters: EmailParameters, today: date) -> VendorReply:
    """Answer for `email`; without it nothing matches, and only a match is billed."""
    address = normalise_email(parameters.email)
    seen = address and vendor_records.person_record(world, COVERAGE, address.address)
    if not seen:
        return VendorReply(200, {"person": None})
    return VendorReply(200, {"person": person_body(world, seen, today)}, PRICE_CENTS, matched=True)


def organization_body(seen: CompanyRecord, today: date) -> dict[str, Any]:
    """Return a record as Apollo's `organization`."""
    company = seen.company
    industry = _INDUSTRIES.get(company.industry, company.industry)
    return {
        **_headline(company),
        "estimated_num_employees": company.employees,
        "industry": industry,
        "industries": [industry],
        "country": vocabulary.COUNTRY_NAMES[company.country],
        "annual_revenue": company.revenue_usd,
        "annual_revenue_printed": _printed(company.revenue_usd),
        "total_funding": company.funding_total_usd or None,
        "total_funding_printed": _printed(company.funding_total_usd) if company.funding_total_usd else None,
        "latest_funding_round_date": _instant(today, company.funded_days_ago),
        "technology_names": list(company.technologies),
        "current_technologies": [
            {"uid": name, "name": name.title(), "category": "Other"} for name in company.technologies
        ],
        "organization_headcount_twelve_month_growth": company.growth_pct / 100,
        "owned_by_organization": company.parent and {"website_url": f"http://www.{company.parent}"},
        "last_updated": _instant(today, seen.days_old),
    }


def person_body(world: World, seen: PersonRecord, today: date) -> dict[str, Any]:
    """Return a record as Apollo's `person`; the address of some is locked, others must not be called."""
    person, company = seen.person, seen.company
    organization = organization_body(CompanyRecord(company, seen.days_old, seen.confidence), today)
    uncallable = vendor_records.withholds_contact(world, COVERAGE, person.email)
    locked = seeded_random(world.seed, COVERAGE.vendor, person.email, "locked").randrange(100) < _LOCKED_PCT
    rank = seniority(person.title)
    return {
        "id": _object_id(person.email),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "name": f"{person.first_name} {person.last_name}",
        "linkedin_url": person.linkedin_url.replace("https://", "http://"),
        "title": person.title,
        "headline": f"{person.title} at {company.name}",
        "email": _LOCKED if locked else person.email,
        "email_status": "unavailable" if locked else "verified",
        "organization_id": _object_id(company.domain),
        "organization": organization,
        "employment_history": [
            {"current": is_present, "organization_name": name, "title": title}
            for name, title, is_present in employments(seen)
        ],
        "phone_numbers": [
            _phone(company_phone(company), "work_hq", 0),
            _phone(person.phone, "mobile", 1, "on_dnc" if uncallable else "not_found"),
        ],
        "country": vocabulary.COUNTRY_NAMES[company.country],
        "seniority": rank and _SENIORITIES.get(rank, rank),
        "departments": [f"master_{department(person.title)}"],
        "last_updated": _instant(today, seen.days_old),
    }


def _phone(number: str, kind: str, position: int, dnc_status: str | None = None) -> dict[str, Any]:
    return {
        "raw_number": number,
        "sanitized_number": number,
        "type": kind,
        "position": position,
        "status": "valid_number",
        "dnc_status": dnc_status,
        "dnc_other_info": None,
    }


def _headline(company: WorldCompany) -> dict[str, Any]:
    return {
        "id": _object_id(company.domain),
        "name": company.name,
        "website_url": f"http://www.{company.domain}",
        "linkedin_url": f"http://www.linkedin.com/company/{company.name.lower()}",
        "primary_domain": company.domain,
    }


def _object_id(of: str) -> str:
    return derive_id("apollo", of, "object", 0).replace("-", "")[:24]


def _printed(usd: int) -> str:
    """Return an amount as Apollo prints it: `48M`, `2.1B`."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if usd >= size:
            return f"{usd / size:.1f}".removesuffix(".0") + unit
    return str(usd)


def _instant(today: date, days_ago: int | None) -> str | None:
    day = day_of(today, days_ago)
    return f"{day.isoformat()}T00:00:00.000+00:00" if day else None


APOLLO: Final = Vendor(
    name=COVERAGE.vendor,
    endpoints=(
        VendorEndpoint("/api/v1/organizations/enrich", DomainParameters, enrich_organization),
        VendorEndpoint("/api/v1/people/match", EmailParameters, match_person, ("POST",)),
    ),
    error=error,
    key_headers=("x-api-key", "authorization"),
    takes_key_parameter=True,
)

"""Companies and people in the shape of People Data Labs: `/v5/company/enrich`, `/v5/person/enrich`.

What an integration has to expect: true instead of telephone numbers on some plans, everything in lower case,
countries by name, sizes and revenue as ranges beside a head count, a likelihood of 1 to 10 that is low for a
mixed-up record, the fields of a company at the top level and those of a person under `data`.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Final

from services.provider_stubs import vendor_records, vocabulary
from services.provider_stubs.vendor_records import CompanyRecord, Coverage, PersonRecord
from services.provider_stubs.vendors.vendor import (
    Vendor,
    VendorEndpoint,
    VendorParameters,
    VendorReply,
    bracket,
    employments,
)
from services.provider_stubs.world import World, day_of
from shared.lead.ids import derive_id
from shared.lead.normalise.domains import normalise_domain
from shared.lead.normalise.emails import normalise_email
from shared.lead.normalise.titles import department, seniority

COVERAGE: Final = Coverage("peopledatalabs", companies=70, people=65, vague=8, withheld=10)
PRICE_CENTS: Final = 10

_LIKELIHOOD_MIN: Final = 2
_ERRORS: Final = {
    400: ("invalid_request_error", "Request contained unsupported, unsearchable or missing parameters"),
    401: ("authentication_error", "Request contained a missing or invalid key"),
    402: ("payment_required", "You have hit your account maximum for this endpoint"),
    404: ("not_found", "No records were found matching your request"),
    429: ("rate_limit_error", "An error occurred due to requests hitting the API too quick"),
}
_SIZES: Final = (
    (10, "1-10"),
    (50, "11-50"),
    (200, "51-200"),
    (500, "201-500"),
    (1_000, "501-1000"),
    (5_000, "1001-5000"),
    (10_000, "5001-10000"),
)
_REVENUES: Final = (
    (1, "$0-$1M"),
    (10, "$1M-$10M"),
    (25, "$10M-$25M"),
    (50, "$25M-$50M"),
    (100, "$50M-$100M"),
    (250, "$100M-$250M"),
    (500, "$250M-$500M"),
    (1_000, "$500M-$1B"),
    (10_000, "$1B-$10B"),
)
_LEVELS: Final = {
    "cxo": "cxo",
    "vp": "vp",
    "director": "director",
    "manager": "manager",
    "senior": "senior",
    "entry": "entry",
}
_INDUSTRIES: Final = {
    "software": "computer software",
    "it services": "information technology and services",
}
_DATASET: Final = "29.1"


class CompanyParameters(VendorParameters):
    """A company by its website."""

    subject_names: ClassVar[tuple[str, ...]] = ("website",)
    website: str = ""
    min_likelihood: str = ""


class PersonParameters(VendorParameters):
    """A person by e-mail address, under either name of the parameter."""

    subject_names: ClassVar[tuple[str, ...]] = ("email", "work_email")
    email: str = ""
    work_email: str = ""
    min_likelihood: str = ""


def error(status: int) -> VendorReply:
    """Return People Data Labs' answer with an error status."""
    type_, message = _ERRORS.get(status, ("api_error", "The server encountered an unexpected condition"))
    return VendorReply(status, {"status": status, "error": {"type": type_, "message": message}})


def enrich_company(world: World, parameters: CompanyParameters, today: date) -> VendorReply:
    """Answer for `?website=` and `?min_likelihood=`; only a match is billed."""
    domain = normalise_domain(parameters.website)
    if domain is None:
        return error(400)
    seen = vendor_records.company_record(world, COVERAGE, domain)
    if seen is None or _likelihood(seen.confidence) < minimum_likelihood(parameters.min_likelihood):
        return error(404)
    return VendorReply(200, company_body(world, seen, today), PRICE_CENTS, matched=True)


def enrich_person(world: World, parameters: PersonParameters, today: date) -> VendorReply:
    """Answer for `?email=` and `?min_likelihood=`; only a match is billed."""
    address = normalise_email(parameters.subject)
    if address is None:
        return error(400)
    seen = vendor_records.person_record(world, COVERAGE, address.address)
    if seen is None or _likelihood(seen.confidence) < minimum_likelihood(parameters.min_likelihood):
        return error(404)
    body = {
        "status": 200,
        "likelihood": _likelihood(seen.confidence),
        "data": person_body(world, seen, today),
        "dataset_version": _DATASET,
    }
    return VendorReply(200, body, PRICE_CENTS, matched=True)


def _likelihood(confidence: int) -> int:
    return max(1, min(10, round(confidence / 10)))


def minimum_likelihood(text: str) -> int:
    """Return the likelihood that a caller requires; the default for a text that is no small number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else _LIKELIHOOD_MIN


def company_body(world: World, seen: CompanyRecord, today: date) -> dict[str, Any]:
    """Return a record as a company of People Data Labs; of some, with a size band only."""
    company = seen.company
    banded = vendor_records.is_vague(world, COVERAGE, company.domain)
    country = vocabulary.COUNTRY_NAMES[company.country].lower()
    return {
        "status": 200,
        "id": derive_id("peopledatalabs", company.domain, "company", 0),
        "name": company.name.lower(),
        "display_name": company.name,
        "size": bracket(company.employees, _SIZES, "10001+"),
        "employee_count": None if banded else company.employees,
        "industry": _industry(company.industry),
        "type": "private",
        "website": company.domain,
        "ticker": None,
        "location": {"name": country, "locality": None, "region": None, "country": country},
        "linkedin_url": f"linkedin.com/company/{company.name.lower()}",
        "immediate_parent": company.parent,
        "ultimate_parent": company.parent,
        "total_funding_raised": company.funding_total_usd or None,
        "last_funding_date": _day(today, company.funded_days_ago),
        "inferred_revenue": bracket(company.revenue_usd / 1_000_000, _REVENUES, "$10B+"),
        "employee_growth_rate": {"12_month": company.growth_pct / 100},
        "tags": list(company.technologies[:2]),
        "last_updated": _day(today, seen.days_old),
        "likelihood": _likelihood(seen.confidence),
        "dataset_version": _DATASET,
    }


def person_body(world: World, seen: PersonRecord, today: date) -> dict[str, Any]:
    """Return a record as the `data` of a person; of some, numbers are withheld as on a free plan."""
    person, company = seen.person, seen.company
    withheld = vendor_records.withholds_contact(world, COVERAGE, person.email)
    level = _LEVELS.get(seniority(person.title) or "")
    first, last = person.first_name.lower(), person.last_name.lower()
    return {
        "id": derive_id("peopledatalabs", person.email, "person", 0),
        "full_name": f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "work_email": person.email,
        "emails": [{"address": person.email, "type": "current_professional"}],
        "mobile_phone": withheld or person.phone,
        "phone_numbers": withheld or [person.phone],
        "linkedin_url": person.linkedin_url.removeprefix("https://www."),
        "job_title": person.title.lower(),
        "job_title_role": department(person.title),
        "job_title_levels": [level] if level else [],
        "job_last_updated": _day(today, seen.days_old),
        "job_company_name": company.name.lower(),
        "job_company_website": company.domain,
        "job_company_size": bracket(company.employees, _SIZES, "10001+"),
        "job_company_industry": _industry(company.industry),
        "job_company_employee_count": company.employees,
        "job_company_inferred_revenue": bracket(company.revenue_usd / 1_000_000, _REVENUES, "$10B+"),
        "job_company_total_funding_raised": company.funding_total_usd or None,
        "job_company_12mo_employee_growth_rate": company.growth_pct / 100,
        "job_company_location_country": vocabulary.COUNTRY_NAMES[company.country].lower(),
        "location_country": vocabulary.COUNTRY_NAMES[company.country].lower(),
        "experience": [
            {"company": {"name": name.lower()}, "title": {"name": title.lower()}, "is_primary": is_present}
            for name, title, is_present in employments(seen)
        ],
    }


def _industry(name: str) -> str:
    return _INDUSTRIES.get(name, name)


def _day(today: date, days_ago: int | None) -> str | None:
    day = day_of(today, days_ago)
    return day.isoformat() if day else None


PEOPLEDATALABS: Final = Vendor(
    name=COVERAGE.vendor,
    endpoints=(
        VendorEndpoint("/v5/company/enrich", CompanyParameters, enrich_company, ("GET", "POST")),
        VendorEndpoint("/v5/person/enrich", PersonParameters, enrich_person, ("GET", "POST")),
    ),
    error=error,
    key_headers=("x-api-key",),
    takes_key_parameter=True,
)

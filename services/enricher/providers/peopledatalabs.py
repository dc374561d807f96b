"""People Data Labs: companies by website and people by e-mail.

404 is "no match"; `likelihood` runs to 10; 402 means out of credits. The head count may be missing where the
size band is known, and revenue is a band always. A free plan says of contact data only whether there is any.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from services.enricher.providers.integration import HttpRequest, Integration, decode_json, given_by
from services.enricher.providers.vendor_facts import (
    EMPLOYER_SHARE,
    ListedPhone,
    Withheld,
    as_percent,
    company_facts,
    employment_facts,
    parse_instant,
    person_facts,
    provider_facts,
    range_midpoint,
    whole,
)

_BAND_CONFIDENCE: Final = 0.9
"""Of a number that is the middle of a band, as a share of the answer's own."""
_LIKELIHOOD_MAX: Final = 10


class _Location(Struct):
    country: str | None = None


class _Growth(Struct):
    twelve_months: float | None = field(default=None, name="12_month")


class _Company(Struct):
    likelihood: int | None = None
    name: str | None = None
    display_name: str | None = None
    employee_count: int | None = None
    size: str | None = None
    industry: str | None = None
    location: _Location | None = None
    total_funding_raised: float | None = None
    last_funding_date: str | None = None
    inferred_revenue: str | None = None
    employee_growth_rate: _Growth | None = None
    immediate_parent: str | None = None
    last_updated: str | None = None


class _PersonData(Struct):
    first_name: Withheld = None
    last_name: Withheld = None
    mobile_phone: Withheld = None
    phone_numbers: list[Withheld] | bool | None = None
    linkedin_url: Withheld = None
    location_country: Withheld = None
    job_title: Withheld = None
    job_title_role: Withheld = None
    job_title_levels: list[str] | bool | None = None
    job_last_updated: str | None = None
    job_last_verified: str | None = None
    job_company_name: str | None = None
    job_company_website: str | None = None
    job_company_industry: str | None = None
    job_company_size: str | None = None
    job_company_employee_count: int | None = None
    job_company_inferred_revenue: str | None = None
    job_company_total_funding_raised: float | None = None
    job_company_twelve_month_growth: float | None = field(
        default=None, name="job_company_12mo_employee_growth_rate"
    )
    job_company_location_country: str | None = None


class _Person(Struct):
    likelihood: int | None = None
    data: _PersonData | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    headers = {"X-Api-Key": key}
    if query.subject == "company":
        return HttpRequest("/v5/company/enrich", {"website": query.target.domain or ""}, headers)
    return HttpRequest("/v5/person/enrich", {"email": query.target.email or ""}, headers)


def read_company(_query: ProviderQuery, body: bytes) -> ProviderFacts:
    """Return the facts about a company; a number from a band is less sure."""
    reply = decode_json(body, _Company)
    confidence = (reply.likelihood or 0) / _LIKELIHOOD_MAX
    banded = reply.employee_count is None
    facts = company_facts(
        name=reply.display_name or reply.name,
        industry=reply.industry,
        country=reply.location.country if reply.location else None,
        employees=range_midpoint(reply.size) if banded else reply.employee_count,
        revenue_usd=range_midpoint(reply.inferred_revenue),
        funding_total_usd=whole(reply.total_funding_raised),
        last_funding_at=parse_instant(reply.last_funding_date),
        growth_pct=as_percent((reply.employee_growth_rate or _Growth()).twelve_months),
        parent=reply.immediate_parent,
    )
    confidences = {"company.revenue_usd": confidence * _BAND_CONFIDENCE}
    if banded:
        confidences["company.employees"] = confidence * _BAND_CONFIDENCE
    return provider_facts(
        confidence, company=facts, confidences=confidences, as_of=parse_instant(reply.last_updated)
    )


def read_person(query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person and their employer; None when the reply has no data."""
    reply = decode_json(body, _Person)
    data = reply.data
    if data is None:
        return None
    others = data.phone_numbers if isinstance(data.phone_numbers, list) else ()
    person = person_facts(
        first_name=data.first_name,
        last_name=data.last_name,
        title=data.job_title,
        level=next(iter(data.job_title_levels), None) if isinstance(data.job_title_levels, list) else None,
        role=data.job_title_role,
        phones=[
            ListedPhone(data.mobile_phone, "mobile"),
            *(ListedPhone(number) for number in others),
        ],
        linkedin_url=data.linkedin_url,
        country=data.location_country,
    )
    company = company_facts(
        name=data.job_company_name,
        domain=data.job_company_website,
        industry=data.job_company_industry,
        country=data.job_company_location_country,
        employees=data.job_company_employee_count or range_midpoint(data.job_company_size),
        revenue_usd=range_midpoint(data.job_company_inferred_revenue),
        funding_total_usd=whole(data.job_company_total_funding_raised),
        growth_pct=as_percent(data.job_company_twelve_month_growth),
    )
    as_of = parse_instant(data.job_last_verified) or parse_instant(data.job_last_updated)
    confidence = (reply.likelihood or 0) / _LIKELIHOOD_MAX
    from_band = confidence * EMPLOYER_SHARE * _BAND_CONFIDENCE
    confidences = {"company.revenue_usd": from_band}
    if data.job_company_employee_count is None:
        confidences["company.employees"] = from_band
    return employment_facts(query, confidence, person, company, confidences=confidences, as_of=as_of)


PEOPLEDATALABS: Final = Integration(
    name="peopledatalabs",
    gives=given_by("peopledatalabs"),
    request=build_request,
    read={"company": read_company, "person": read_person},
)

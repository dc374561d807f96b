"""People Data Labs: companies by website and people by e-mail.

404 is "no match"; `likelihood` runs to 10; 402 means out of credits. The head count may be missing where the
size band is known.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from services.enricher.providers.integration import (
    COMPANY_FIELDS,
    PERSON_FIELDS,
    HttpRequest,
    Integration,
    company_facts,
    decode_json,
    parse_instant,
    person_facts,
    provider_facts,
    range_midpoint,
)

_BAND_CONFIDENCE: Final = 0.9
"""Of a head count that is the middle of a band, as a share of the answer's own."""
_LIKELIHOOD_MAX: Final = 10


class _Location(Struct):
    country: str | None = None


class _Company(Struct):
    likelihood: int | None = None
    name: str | None = None
    display_name: str | None = None
    employee_count: int | None = None
    size: str | None = None
    industry: str | None = None
    location: _Location | None = None
    total_funding_raised: int | None = None
    last_funding_date: str | None = None
    immediate_parent: str | None = None
    last_updated: str | None = None


class _PersonData(Struct):
    job_title: str | None = None
    linkedin_url: str | None = None
    location_country: str | None = None
    job_title_role: str | None = None
    job_last_updated: str | None = None


class _Person(Struct):
    likelihood: int | None = None
    data: _PersonData | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    headers = {"X-Api-Key": key}
    if query.subject == "company":
        return HttpRequest("/v5/company/enrich", {"website": query.target.domain or ""}, headers)
    return HttpRequest("/v5/person/enrich", {"email": query.target.email or ""}, headers)


def read_company(_query: ProviderQuery, body: bytes) -> ProviderFacts:
    """Return the facts about a company; a head count from a size band is less sure."""
    reply = decode_json(body, _Company)
    confidence = (reply.likelihood or 0) / _LIKELIHOOD_MAX
    banded = reply.employee_count is None
    facts = company_facts(
        name=reply.display_name or reply.name,
        industry=reply.industry,
        country=reply.location.country if reply.location else None,
        employees=range_midpoint(reply.size) if banded else reply.employee_count,
        funding_total_usd=reply.total_funding_raised,
        last_funding_at=parse_instant(reply.last_funding_date),
        parent=reply.immediate_parent,
    )
    confidences = {"company.employees": confidence * _BAND_CONFIDENCE} if banded else {}
    return provider_facts(
        confidence, company=facts, confidences=confidences, as_of=parse_instant(reply.last_updated)
    )


def read_person(_query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person; None when the reply has no data."""
    reply = decode_json(body, _Person)
    if reply.data is None:
        return None
    facts = person_facts(
        title=reply.data.job_title,
        role=reply.data.job_title_role,
        linkedin_url=reply.data.linkedin_url,
        country=reply.data.location_country,
    )
    confidence = (reply.likelihood or 0) / _LIKELIHOOD_MAX
    return provider_facts(confidence, person=facts, as_of=parse_instant(reply.data.job_last_updated))


PEOPLEDATALABS: Final = Integration(
    name="peopledatalabs",
    gives={
        "company": COMPANY_FIELDS | {"company.last_funding_at", "company.parent"},
        "person": PERSON_FIELDS | {"person.country"},
    },
    request=build_request,
    read={"company": read_company, "person": read_person},
)

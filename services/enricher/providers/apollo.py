"""Apollo: organisations by domain and people by e-mail.

No match is a 200 whose `organization` or `person` is null. Apollo states no confidence.
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
)

CONFIDENCE: Final = 0.8


class _Technology(Struct):
    name: str | None = None


class _Organization(Struct):
    name: str | None = None
    industry: str | None = None
    country: str | None = None
    estimated_num_employees: int | None = None
    annual_revenue: float | None = None
    total_funding: float | None = None
    latest_funding_round_date: str | None = None
    technology_names: list[str] | None = None
    current_technologies: list[_Technology] | None = None
    last_updated: str | None = None


class _OrganizationReply(Struct):
    organization: _Organization | None = None


class _Person(Struct):
    title: str | None = None
    linkedin_url: str | None = None
    country: str | None = None
    seniority: str | None = None
    last_updated: str | None = None


class _PersonReply(Struct):
    person: _Person | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    headers = {"x-api-key": key}
    if query.subject == "company":
        return HttpRequest("/api/v1/organizations/enrich", {"domain": query.target.domain or ""}, headers)
    return HttpRequest("/api/v1/people/match", {"email": query.target.email or ""}, headers, method="POST")


def read_company(_query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about an organisation; None when Apollo has none."""
    reply = decode_json(body, _OrganizationReply).organization
    if reply is None:
        return None
    current = (technology.name for technology in reply.current_technologies or () if technology.name)
    facts = company_facts(
        name=reply.name,
        industry=reply.industry,
        country=reply.country,
        technologies=reply.technology_names or current,
        employees=reply.estimated_num_employees,
        revenue_usd=_whole(reply.annual_revenue),
        funding_total_usd=_whole(reply.total_funding),
        last_funding_at=parse_instant(reply.latest_funding_round_date),
    )
    return provider_facts(CONFIDENCE, company=facts, as_of=parse_instant(reply.last_updated))


def read_person(_query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person; None when Apollo has none."""
    reply = decode_json(body, _PersonReply).person
    if reply is None:
        return None
    facts = person_facts(
        title=reply.title, level=reply.seniority, linkedin_url=reply.linkedin_url, country=reply.country
    )
    return provider_facts(CONFIDENCE, person=facts, as_of=parse_instant(reply.last_updated))


def _whole(amount: float | None) -> int | None:
    return None if amount is None else round(amount)


APOLLO: Final = Integration(
    name="apollo",
    gives={
        "company": COMPANY_FIELDS
        | {"company.revenue_usd", "company.last_funding_at", "company.technologies"},
        "person": PERSON_FIELDS | {"person.country"},
    },
    request=build_request,
    read={"company": read_company, "person": read_person},
)

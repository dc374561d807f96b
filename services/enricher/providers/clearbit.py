"""Clearbit: companies by domain and people by e-mail.

Statuses: 202 the look-up still runs in the background, 422 the domain or address is not valid. The head count
may be missing where its range is known. Clearbit states no confidence.
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

CONFIDENCE: Final = 0.85
RANGE_CONFIDENCE: Final = 0.7


class _Metrics(Struct):
    employees: int | None = None
    employeesRange: str | None = None  # noqa: N815 - Clearbit's names
    annualRevenue: int | None = None  # noqa: N815
    raised: int | None = None


class _Category(Struct):
    industry: str | None = None


class _Geo(Struct):
    countryCode: str | None = None  # noqa: N815


class _Parent(Struct):
    domain: str | None = None


class _Company(Struct):
    name: str | None = None
    category: _Category | None = None
    metrics: _Metrics | None = None
    geo: _Geo | None = None
    parent: _Parent | None = None
    tech: list[str] | None = None
    indexedAt: str | None = None  # noqa: N815


class _Employment(Struct):
    title: str | None = None
    role: str | None = None
    seniority: str | None = None


class _LinkedIn(Struct):
    handle: str | None = None


class _Person(Struct):
    employment: _Employment | None = None
    geo: _Geo | None = None
    linkedin: _LinkedIn | None = None
    indexedAt: str | None = None  # noqa: N815


class _Combined(Struct):
    person: _Person | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    headers = {"Authorization": f"Bearer {key}"}
    if query.subject == "company":
        return HttpRequest("/v2/companies/find", {"domain": query.target.domain or ""}, headers)
    return HttpRequest("/v2/combined/find", {"email": query.target.email or ""}, headers)


def read_company(_query: ProviderQuery, body: bytes) -> ProviderFacts:
    """Return the facts about a company; a head count from a range is less sure."""
    reply = decode_json(body, _Company)
    metrics = reply.metrics or _Metrics()
    ranged = metrics.employees is None
    facts = company_facts(
        name=reply.name,
        industry=(reply.category or _Category()).industry,
        country=(reply.geo or _Geo()).countryCode,
        parent=(reply.parent or _Parent()).domain,
        technologies=reply.tech or (),
        employees=range_midpoint(metrics.employeesRange) if ranged else metrics.employees,
        revenue_usd=metrics.annualRevenue,
        funding_total_usd=metrics.raised,
    )
    confidences = {"company.employees": RANGE_CONFIDENCE} if ranged else {}
    return provider_facts(
        CONFIDENCE, company=facts, confidences=confidences, as_of=parse_instant(reply.indexedAt)
    )


def read_person(_query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person; None when only the company was found."""
    reply = decode_json(body, _Combined).person
    if reply is None:
        return None
    work, handle = reply.employment or _Employment(), (reply.linkedin or _LinkedIn()).handle
    facts = person_facts(
        title=work.title,
        level=work.seniority,
        role=work.role,
        linkedin_url=f"https://www.linkedin.com/{handle}" if handle else None,
        country=(reply.geo or _Geo()).countryCode,
    )
    return provider_facts(CONFIDENCE, person=facts, as_of=parse_instant(reply.indexedAt))


CLEARBIT: Final = Integration(
    name="clearbit",
    gives={
        "company": COMPANY_FIELDS | {"company.parent", "company.revenue_usd", "company.technologies"},
        "person": PERSON_FIELDS | {"person.country"},
    },
    request=build_request,
    read={"company": read_company, "person": read_person},
    verdicts={422: "no_match"},
)

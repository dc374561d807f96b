"""Clearbit: companies by domain and people by e-mail.

Statuses: 202 the look-up still runs in the background, 422 the domain or address is not valid. Head count and
revenue may be missing where their range is known. The combined call answers with the person, the company, or
both. Clearbit states no confidence.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from services.enricher.providers.integration import HttpRequest, Integration, decode_json, given_by
from services.enricher.providers.vendor_facts import (
    ListedPhone,
    company_facts,
    employment_facts,
    is_employer,
    parse_instant,
    person_facts,
    provider_facts,
    range_midpoint,
    whole,
)

CONFIDENCE: Final = 0.85
RANGE_CONFIDENCE: Final = 0.7


class _Metrics(Struct):
    employees: int | None = None
    employeesRange: str | None = None  # noqa: N815 - Clearbit's names
    annualRevenue: float | None = None  # noqa: N815
    estimatedAnnualRevenue: str | None = None  # noqa: N815
    raised: float | None = None


class _Category(Struct):
    industry: str | None = None


class _Geo(Struct):
    countryCode: str | None = None  # noqa: N815


class _Parent(Struct):
    domain: str | None = None


class _Company(Struct):
    name: str | None = None
    domain: str | None = None
    category: _Category | None = None
    metrics: _Metrics | None = None
    geo: _Geo | None = None
    parent: _Parent | None = None
    tech: list[str] | None = None
    indexedAt: str | None = None  # noqa: N815


class _Name(Struct):
    givenName: str | None = None  # noqa: N815
    familyName: str | None = None  # noqa: N815


class _Employment(Struct):
    domain: str | None = None
    name: str | None = None
    title: str | None = None
    role: str | None = None
    seniority: str | None = None


class _LinkedIn(Struct):
    handle: str | None = None


class _Person(Struct):
    name: _Name | None = None
    employment: _Employment | None = None
    geo: _Geo | None = None
    linkedin: _LinkedIn | None = None
    phone: str | None = None
    indexedAt: str | None = None  # noqa: N815


class _Combined(Struct):
    person: _Person | None = None
    company: _Company | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    headers = {"Authorization": f"Bearer {key}"}
    if query.subject == "company":
        return HttpRequest("/v2/companies/find", {"domain": query.target.domain or ""}, headers)
    return HttpRequest("/v2/combined/find", {"email": query.target.email or ""}, headers)


def read_company(_query: ProviderQuery, body: bytes) -> ProviderFacts:
    """Return the facts about a company; a number from a range is less sure."""
    reply = decode_json(body, _Company)
    facts, confidences = _company_facts(reply)
    del facts["domain"]  # the one that was asked about
    return provider_facts(
        CONFIDENCE, company=facts, confidences=confidences, as_of=parse_instant(reply.indexedAt)
    )


def read_person(query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person and about the company of theirs that Clearbit knows."""
    reply = decode_json(body, _Combined)
    person, found = reply.person or _Person(), reply.company or _Company()
    work, handle = person.employment or _Employment(), (person.linkedin or _LinkedIn()).handle
    if not is_employer(query, work.domain):
        work = _Employment()
    name = person.name or _Name()
    facts = person_facts(
        first_name=name.givenName,
        last_name=name.familyName,
        title=work.title,
        level=work.seniority,
        role=work.role,
        phones=[ListedPhone(person.phone)],
        linkedin_url=f"https://www.linkedin.com/{handle}" if handle else None,
        country=(person.geo or _Geo()).countryCode,
    )
    company = company_facts(name=work.name, domain=work.domain)
    confidences: dict[str, float] = {}
    if is_employer(query, found.domain):
        told, confidences = _company_facts(found)
        company |= {field: value for field, value in told.items() if value or value == 0}
    as_of = parse_instant(person.indexedAt if reply.person else found.indexedAt)
    return employment_facts(query, CONFIDENCE, facts, company, confidences=confidences, as_of=as_of)


def _company_facts(reply: _Company) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the facts about a company, and how sure each of them is."""
    metrics = reply.metrics or _Metrics()
    facts = company_facts(
        name=reply.name,
        domain=reply.domain,
        industry=(reply.category or _Category()).industry,
        country=(reply.geo or _Geo()).countryCode,
        parent=(reply.parent or _Parent()).domain,
        technologies=reply.tech or (),
        employees=metrics.employees,
        revenue_usd=whole(metrics.annualRevenue),
        funding_total_usd=whole(metrics.raised),
    )
    confidences = {f"company.{name}": CONFIDENCE for name in facts}
    ranges = {"employees": metrics.employeesRange, "revenue_usd": metrics.estimatedAnnualRevenue}
    for name, text in ranges.items():
        if facts[name] is None:
            facts[name] = range_midpoint(text)
            confidences[f"company.{name}"] = RANGE_CONFIDENCE
    return facts, confidences


CLEARBIT: Final = Integration(
    name="clearbit",
    gives=given_by("clearbit"),
    request=build_request,
    read={"company": read_company, "person": read_person},
    verdicts={422: "no_match"},
)

"""Clearbit: companies by domain and people by e-mail.

202 means that the look-up goes on in the background; 422 that the domain or address is none. The head count
may be missing where its range is known. Clearbit states no confidence.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.enricher.domain.providers import Found, Question
from services.enricher.providers.integration import (
    COMPANY_FIELDS,
    PERSON_FIELDS,
    Integration,
    Request,
    company_facts,
    decoded,
    found,
    instant,
    middle,
    person_facts,
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


def _request(question: Question, key: str) -> Request | None:
    headers = {"Authorization": f"Bearer {key}"}
    if question.subject == "company":
        return Request("/v2/companies/find", {"domain": question.whom.domain or ""}, headers)
    return Request("/v2/combined/find", {"email": question.whom.email or ""}, headers)


def _read(question: Question, body: bytes) -> Found | None:
    return _company(body) if question.subject == "company" else _person(body)


def _company(body: bytes) -> Found:
    told = decoded(body, _Company)
    metrics = told.metrics or _Metrics()
    ranged = metrics.employees is None
    facts = company_facts(
        name=told.name,
        industry_=(told.category or _Category()).industry,
        country=(told.geo or _Geo()).countryCode,
        parent=(told.parent or _Parent()).domain,
        technologies=told.tech or (),
        employees=middle(metrics.employeesRange) if ranged else metrics.employees,
        revenue_usd=metrics.annualRevenue,
        funding_total_usd=metrics.raised,
    )
    less = {"company.employees": RANGE_CONFIDENCE} if ranged else {}
    return found(CONFIDENCE, company=facts, less=less, as_of=instant(told.indexedAt))


def _person(body: bytes) -> Found | None:
    told = decoded(body, _Combined).person
    if told is None:
        return None
    work, handle = told.employment or _Employment(), (told.linkedin or _LinkedIn()).handle
    facts = person_facts(
        title=work.title,
        level=work.seniority,
        role=work.role,
        linkedin_url=f"https://www.linkedin.com/{handle}" if handle else None,
        country=(told.geo or _Geo()).countryCode,
    )
    return found(CONFIDENCE, person=facts, as_of=instant(told.indexedAt))


CLEARBIT: Final = Integration(
    name="clearbit",
    gives={
        "company": COMPANY_FIELDS | {"company.parent", "company.revenue_usd", "company.technologies"},
        "person": PERSON_FIELDS | {"person.country"},
    },
    request=_request,
    read=_read,
    means={422: "no_match"},
)

"""Apollo: organisations by domain and people by e-mail.

No match is a 200 whose `organization` or `person` is null. Apollo states no confidence.
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
    person_facts,
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


def _request(question: Question, key: str) -> Request | None:
    headers = {"x-api-key": key}
    if question.subject == "company":
        return Request("/api/v1/organizations/enrich", {"domain": question.whom.domain or ""}, headers)
    return Request("/api/v1/people/match", {"email": question.whom.email or ""}, headers, method="POST")


def _read(question: Question, body: bytes) -> Found | None:
    return _company(body) if question.subject == "company" else _person(body)


def _company(body: bytes) -> Found | None:
    told = decoded(body, _OrganizationReply).organization
    if told is None:
        return None
    named = (each.name for each in told.current_technologies or () if each.name)
    facts = company_facts(
        name=told.name,
        industry_=told.industry,
        country=told.country,
        technologies=told.technology_names or named,
        employees=told.estimated_num_employees,
        revenue_usd=_whole(told.annual_revenue),
        funding_total_usd=_whole(told.total_funding),
        last_funding_at=instant(told.latest_funding_round_date),
    )
    return found(CONFIDENCE, company=facts, as_of=instant(told.last_updated))


def _person(body: bytes) -> Found | None:
    told = decoded(body, _PersonReply).person
    if told is None:
        return None
    facts = person_facts(
        title=told.title, level=told.seniority, linkedin_url=told.linkedin_url, country=told.country
    )
    return found(CONFIDENCE, person=facts, as_of=instant(told.last_updated))


def _whole(amount: float | None) -> int | None:
    return None if amount is None else round(amount)


APOLLO: Final = Integration(
    name="apollo",
    gives={
        "company": COMPANY_FIELDS
        | {"company.revenue_usd", "company.last_funding_at", "company.technologies"},
        "person": PERSON_FIELDS | {"person.country"},
    },
    request=_request,
    read=_read,
)

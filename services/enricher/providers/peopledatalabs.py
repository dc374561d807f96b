"""People Data Labs: companies by website and people by e-mail.

404 is "no match"; `likelihood` runs to 10; 402 means out of credits. The head count may be missing where the
size band is known.
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


def _request(question: Question, key: str) -> Request | None:
    headers = {"X-Api-Key": key}
    if question.subject == "company":
        return Request("/v5/company/enrich", {"website": question.whom.domain or ""}, headers)
    return Request("/v5/person/enrich", {"email": question.whom.email or ""}, headers)


def _read(question: Question, body: bytes) -> Found | None:
    return _company(body) if question.subject == "company" else _person(body)


def _company(body: bytes) -> Found:
    told = decoded(body, _Company)
    sure = (told.likelihood or 0) / _LIKELIHOOD_MAX
    banded = told.employee_count is None
    facts = company_facts(
        name=told.display_name or told.name,
        industry_=told.industry,
        country=told.location.country if told.location else None,
        employees=middle(told.size) if banded else told.employee_count,
        funding_total_usd=told.total_funding_raised,
        last_funding_at=instant(told.last_funding_date),
        parent=told.immediate_parent,
    )
    less = {"company.employees": sure * _BAND_CONFIDENCE} if banded else {}
    return found(sure, company=facts, less=less, as_of=instant(told.last_updated))


def _person(body: bytes) -> Found | None:
    told = decoded(body, _Person)
    if told.data is None:
        return None
    facts = person_facts(
        title=told.data.job_title,
        role=told.data.job_title_role,
        linkedin_url=told.data.linkedin_url,
        country=told.data.location_country,
    )
    sure = (told.likelihood or 0) / _LIKELIHOOD_MAX
    return found(sure, person=facts, as_of=instant(told.data.job_last_updated))


PEOPLEDATALABS: Final = Integration(
    name="peopledatalabs",
    gives={
        "company": COMPANY_FIELDS | {"company.last_funding_at", "company.parent"},
        "person": PERSON_FIELDS | {"person.country"},
    },
    request=_request,
    read=_read,
)

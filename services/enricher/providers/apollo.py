"""Apollo: organisations by domain and people by e-mail.

No match is a 200 whose `organization` or `person` is null. Apollo states no confidence. Phone numbers have a
type and say whether they are on a do-not-call list; the names of these keys differ between its answers.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from services.enricher.providers.integration import HttpRequest, Integration, decode_json, given_by
from services.enricher.providers.vendor_facts import (
    ListedPhone,
    as_percent,
    company_facts,
    employment_facts,
    parse_instant,
    person_facts,
    provider_facts,
    whole,
)
from shared.lead.normalise.domains import company_host
from shared.lead.normalise.emails import normalise_email

CONFIDENCE: Final = 0.8
_EMAIL_STATUSES: Final = {
    "verified": "verified",
    "likely to engage": "verified",
    "bounced": "invalid",
    "guessed": "risky",
    "extrapolated": "risky",
}
_CALLABLE: Final = frozenset({"", "not_found", "not_on_dnc", "none"})
"""What a do-not-call status says of a number that is on no list."""


class _Technology(Struct):
    name: str | None = None


class _Owner(Struct):
    website_url: str | None = None


class _Organization(Struct):
    name: str | None = None
    website_url: str | None = None
    primary_domain: str | None = None
    industry: str | None = None
    country: str | None = None
    estimated_num_employees: int | None = None
    annual_revenue: float | None = None
    total_funding: float | None = None
    latest_funding_round_date: str | None = None
    technology_names: list[str] | None = None
    current_technologies: list[_Technology] | None = None
    organization_headcount_twelve_month_growth: float | None = None
    owned_by_organization: _Owner | None = None
    last_updated: str | None = None


class _OrganizationReply(Struct):
    organization: _Organization | None = None


class _Phone(Struct):
    sanitized_number: str | None = None
    raw_number: str | None = None
    type: str | None = None
    type_cd: str | None = None
    status: str | None = None
    status_cd: str | None = None
    dnc_status: str | None = None
    dnc_status_cd: str | None = None


class _Contact(Struct):
    phone_numbers: list[_Phone] | None = None


class _Person(Struct):
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    email: str | None = None
    email_status: str | None = None
    linkedin_url: str | None = None
    country: str | None = None
    seniority: str | None = None
    departments: list[str] | None = None
    phone_numbers: list[_Phone] | None = None
    contact: _Contact | None = None
    organization: _Organization | None = None
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
    facts = _organization_facts(reply)
    del facts["domain"]  # the one that was asked about
    return provider_facts(CONFIDENCE, company=facts, as_of=parse_instant(reply.last_updated))


def read_person(query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person and their present employer; None when Apollo has none."""
    reply = decode_json(body, _PersonReply).person
    if reply is None:
        return None
    phones = [*(reply.phone_numbers or ()), *((reply.contact or _Contact()).phone_numbers or ())]
    facts = person_facts(
        first_name=reply.first_name,
        last_name=reply.last_name,
        title=reply.title,
        level=reply.seniority,
        role=next((name.removeprefix("master_") for name in reply.departments or ()), None),
        phones=[_listed_phone(phone) for phone in phones],
        linkedin_url=reply.linkedin_url,
        country=reply.country,
        email_status=_email_status(query, reply),
    )
    company = _organization_facts(reply.organization) if reply.organization else {}
    return employment_facts(query, CONFIDENCE, facts, company, as_of=parse_instant(reply.last_updated))


def _organization_facts(reply: _Organization) -> dict[str, Any]:
    current = (technology.name for technology in reply.current_technologies or () if technology.name)
    return company_facts(
        name=reply.name,
        domain=reply.primary_domain or reply.website_url,
        industry=reply.industry,
        country=reply.country,
        parent=company_host((reply.owned_by_organization or _Owner()).website_url),
        technologies=reply.technology_names or current,
        employees=reply.estimated_num_employees,
        revenue_usd=whole(reply.annual_revenue),
        funding_total_usd=whole(reply.total_funding),
        last_funding_at=parse_instant(reply.latest_funding_round_date),
        growth_pct=as_percent(reply.organization_headcount_twelve_month_growth),
    )


def _listed_phone(phone: _Phone) -> ListedPhone:
    """Return a number; one that Apollo found to be wrong is none."""
    is_wrong = "invalid" in (phone.status or phone.status_cd or "")
    return ListedPhone(
        None if is_wrong else phone.sanitized_number or phone.raw_number,
        phone.type or phone.type_cd or "",
        do_not_call=(phone.dnc_status or phone.dnc_status_cd or "").casefold() not in _CALLABLE,
    )


def _email_status(query: ProviderQuery, reply: _Person) -> str | None:
    """Return what Apollo says of the address that was asked about; it may prefer another of the person."""
    said, asked = normalise_email(reply.email), normalise_email(query.target.email)
    if said is None or asked is None or said.identity != asked.identity:
        return None
    return _EMAIL_STATUSES.get((reply.email_status or "").casefold())


APOLLO: Final = Integration(
    name="apollo",
    gives=given_by("apollo"),
    request=build_request,
    read={"company": read_company, "person": read_person},
)

"""Hunter: whether an address takes mail (verifier), and a person by name and domain (finder).

Statuses: 202 the verification still runs, 222 the mail server gave no clear answer, 403 too many calls in a
second, 429 the month's credits are used up, 451 the person asked not to be processed.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from services.enricher.providers.integration import (
    HttpRequest,
    Integration,
    ParsedReply,
    decode_json,
    given_by,
)
from services.enricher.providers.vendor_facts import (
    ListedPhone,
    company_facts,
    employment_facts,
    parse_instant,
    person_facts,
    provider_facts,
)
from shared.lead.normalise.emails import normalise_email

_STATUSES: Final = {
    "valid": "verified",
    "invalid": "invalid",
    "accept_all": "risky",
    "disposable": "risky",
    "webmail": "risky",
}
_STATUS_CONFIDENCE: Final = 0.95
"""The score says how deliverable an address is, not how sure Hunter is of the status."""


class _Verified(Struct):
    status: str | None = None
    score: int | None = None


class _VerifierReply(Struct):
    data: _Verified | None = None


class _Verification(Struct):
    date: str | None = None
    status: str | None = None


class _Finding(Struct):
    email: str | None = None
    score: int | None = None
    first_name: str | None = None
    last_name: str | None = None
    position: str | None = None
    linkedin_url: str | None = None
    phone_number: str | None = None
    company: str | None = None
    domain: str | None = None
    verification: _Verification | None = None


class _FinderReply(Struct):
    data: _Finding | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    headers = {"X-API-KEY": key}
    target = query.target
    if query.subject == "email":
        return HttpRequest("/v2/email-verifier", {"email": target.email or ""}, headers)
    if not (target.domain and target.first_name and target.last_name):
        return None
    params = {"domain": target.domain, "first_name": target.first_name, "last_name": target.last_name}
    return HttpRequest("/v2/email-finder", params, headers)


def read_verification(_query: ProviderQuery, body: bytes) -> ProviderFacts | ParsedReply | None:
    """Return whether the address takes mail; None when Hunter cannot tell."""
    reply = decode_json(body, _VerifierReply).data
    if reply is None:
        return ParsedReply("malformed", detail="malformed answer: no data")
    status = _STATUSES.get(reply.status or "")
    return None if status is None else provider_facts(_STATUS_CONFIDENCE, person={"email_status": status})


def read_found_person(query: ProviderQuery, body: bytes) -> ProviderFacts | None:
    """Return the facts about a person, if the one found by name has the address of the lead.

    The score says how likely the address is the person's.
    """
    reply = decode_json(body, _FinderReply).data
    if reply is None or reply.email is None:
        return None
    found, queried = normalise_email(reply.email), normalise_email(query.target.email)
    if found is None or queried is None or found.identity != queried.identity:
        return None
    verification = reply.verification or _Verification()
    facts = person_facts(
        first_name=reply.first_name,
        last_name=reply.last_name,
        title=reply.position,
        phones=[ListedPhone(reply.phone_number)],
        linkedin_url=reply.linkedin_url,
        email_status=_STATUSES.get(verification.status or ""),
    )
    company = company_facts(name=reply.company, domain=reply.domain)
    as_of = parse_instant(verification.date)
    return employment_facts(query, (reply.score or 0) / 100, facts, company, as_of=as_of)


HUNTER: Final = Integration(
    name="hunter",
    gives=given_by("hunter"),
    request=build_request,
    read={"email": read_verification, "person": read_found_person},
    verdicts={222: "failed", 400: "no_match", 403: "rate_limited", 429: "refused", 451: "no_match"},
)

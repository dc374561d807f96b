"""Hunter: whether an address takes mail (verifier), and who is behind a name at a domain (finder).

202 means that the verification goes on, 222 that the mail server gave no clear answer; 403 is the limit by
the second, 429 the credits of the month; 451 is a person who asked not to be found.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.enricher.domain.providers import Found, Question
from services.enricher.providers.integration import (
    PERSON_FIELDS,
    Integration,
    ParsedReply,
    Request,
    decoded,
    found,
    person_facts,
)
from shared.lead.normalise.emails import normalise_email

_STATUSES: Final = {
    "valid": "verified",
    "invalid": "invalid",
    "accept_all": "risky",
    "disposable": "risky",
    "webmail": "risky",
}
_SURE_OF_STATUS: Final = 0.95
"""The score says how deliverable an address is, not how sure Hunter is of the status."""


class _Verified(Struct):
    status: str | None = None
    score: int | None = None


class _VerifierReply(Struct):
    data: _Verified | None = None


class _Finding(Struct):
    email: str | None = None
    score: int | None = None
    position: str | None = None
    linkedin_url: str | None = None
    phone_number: str | None = None


class _FinderReply(Struct):
    data: _Finding | None = None


def _request(question: Question, key: str) -> Request | None:
    headers = {"X-API-KEY": key}
    whom = question.whom
    if question.subject == "email":
        return Request("/v2/email-verifier", {"email": whom.email or ""}, headers)
    if not (whom.domain and whom.first_name and whom.last_name):
        return None
    named = {"domain": whom.domain, "first_name": whom.first_name, "last_name": whom.last_name}
    return Request("/v2/email-finder", named, headers)


def _read(question: Question, body: bytes) -> Found | ParsedReply | None:
    return _verified(body) if question.subject == "email" else _finding(question, body)


def _verified(body: bytes) -> Found | ParsedReply | None:
    told = decoded(body, _VerifierReply).data
    if told is None:
        return ParsedReply("malformed", detail="malformed answer: no data")
    status = _STATUSES.get(told.status or "")
    return None if status is None else found(_SURE_OF_STATUS, person={"email_status": status})


def _finding(question: Question, body: bytes) -> Found | None:
    """Return what is known of the person, if it is the one who has this address."""
    told = decoded(body, _FinderReply).data
    if told is None or told.email is None or not _same(told.email, question.whom.email):
        return None
    facts = person_facts(title=told.position, linkedin_url=told.linkedin_url)
    return found((told.score or 0) / 100, person=facts)


def _same(one: str, other: str | None) -> bool:
    read, own = normalise_email(one), normalise_email(other)
    return read is not None and own is not None and read.identity == own.identity


HUNTER: Final = Integration(
    name="hunter",
    gives={
        "email": frozenset({"person.email_status"}),
        "person": PERSON_FIELDS,
    },
    request=_request,
    read=_read,
    means={222: "failed", 400: "no_match", 403: "rate_limited", 429: "refused", 451: "no_match"},
)

"""What an integration of a data vendor is: how a question becomes a request, and an answer becomes facts.

Both are pure; sending, waiting and paying are the same for every vendor (`asking`). One suite holds for all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from services.enricher.domain.providers import Found, Question, Subject
from shared.lead.events.parts import Company, Person
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.names import company_name
from shared.lead.normalise.titles import department, seniority

WORD_LENGTH_MAX: Final = 200
LIST_MAX: Final = 500
RETRY_AFTER_S_MAX: Final = 3_600.0
RETRY_AFTER_S: Final = 1.0

COMPANY_FIELDS: Final = frozenset(
    {
        "company.name",
        "company.industry",
        "company.country",
        "company.employees",
        "company.funding_total_usd",
    }
)
"""What every vendor that knows companies gives."""
PERSON_FIELDS: Final = frozenset(
    {"person.title", "person.seniority", "person.department", "person.linkedin_url"}
)
"""What every vendor that knows people gives."""

Verdict = Literal["match", "no_match", "pending", "rate_limited", "refused", "failed", "malformed", "timeout"]
T = TypeVar("T")


class Request(Struct, frozen=True):
    """A call of a vendor's API; `path` goes behind the base URL."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str] = {}
    method: Literal["GET", "POST"] = "GET"


class Reply(Struct, frozen=True):
    """What came back; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class ParsedReply(Struct, frozen=True):
    """What a reply means. `pending`: ask again soon; `refused`: the key or the credits are the trouble."""

    verdict: Verdict
    found: Found = Found()
    detail: str = ""
    retry_after_s: float = 0.0


class Integration(Struct, frozen=True):
    """A vendor. `gives` has the fields of an answer by what is asked about.

    `request` is None for a question that this lead does not say enough for. `read` gets replies of status
    200 only and raises `msgspec.MsgspecError` for one that is not the vendor's; None: no match. `means` has
    the statuses that mean something else with this vendor than in general.
    """

    name: str
    gives: Mapping[Subject, frozenset[str]]
    request: Callable[[Question, str], Request | None]
    read: Callable[[Question, bytes], Found | ParsedReply | None]
    means: Mapping[int, Verdict] = {}

    def parse(self, question: Question, reply: Reply) -> ParsedReply:
        """Return what a reply means; whatever comes means something."""
        verdict = self.means.get(reply.status) or _MEANS.get(reply.status)
        if verdict == "rate_limited":
            return ParsedReply("rate_limited", detail=_status(reply), retry_after_s=_retry_after(reply))
        if verdict is not None:
            return ParsedReply(verdict, detail="" if verdict == "no_match" else _status(reply))
        if reply.status != 200:
            return ParsedReply("failed", detail=_status(reply))
        try:
            read = self.read(question, reply.body)
            return self._heard(read)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return ParsedReply("malformed", detail=f"malformed answer: {error}"[:WORD_LENGTH_MAX])

    def _heard(self, read: Found | ParsedReply | None) -> ParsedReply:
        if isinstance(read, ParsedReply):
            return read
        if read is None:
            return ParsedReply("no_match")
        # Bounds hold when a value is decoded, not when it is made; what is kept must be readable for ever.
        return ParsedReply("match", msgspec.convert(msgspec.to_builtins(read), Found))


_MEANS: Final[Mapping[int, Verdict]] = {
    202: "pending",
    401: "refused",
    402: "refused",
    403: "refused",
    404: "no_match",
    429: "rate_limited",
}


def decoded(body: bytes, kind: type[T]) -> T:
    """Return a body as a value of that type; raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(body, type=kind)


def found(
    confidence: float,
    *,
    company: Mapping[str, Any] | None = None,
    person: Mapping[str, Any] | None = None,
    less: Mapping[str, float] | None = None,
    as_of: datetime | None = None,
) -> Found:
    """Return the facts that say something, each with the confidence, or with its own of `less`."""
    told = {
        **{f"company.{name}": value for name, value in (company or {}).items()},
        **{f"person.{name}": value for name, value in (person or {}).items()},
    }
    said = {name: value for name, value in told.items() if value or value == 0}
    sure = {name: round(min(max((less or {}).get(name, confidence), 0.0), 1.0), 4) for name in said}
    return Found(
        person=Person(**{name: value for name, value in (person or {}).items() if f"person.{name}" in said}),
        company=Company(
            **{name: value for name, value in (company or {}).items() if f"company.{name}" in said}
        ),
        confidence=sure,
        as_of=as_of,
    )


def company_facts(
    *,
    name: str | None = None,
    industry_: str | None = None,
    country: str | None = None,
    parent: str | None = None,
    technologies: Iterable[str] = (),
    **numbers: int | datetime | None,
) -> dict[str, Any]:
    """Return facts about a company in Baton's words."""
    listed = (word(each) for each in list(technologies)[:LIST_MAX])
    return {
        "name": company_name(name),
        "industry": industry(industry_),
        "country": country_code(country),
        "parent": word(parent),
        "technologies": [each.casefold() for each in listed if each],
        **numbers,
    }


def person_facts(
    *,
    title: str | None = None,
    level: str | None = None,
    role: str | None = None,
    linkedin_url: str | None = None,
    country: str | None = None,
) -> dict[str, Any]:
    """Return facts about a person in Baton's words; `level` and `role` count where the title says none."""
    return {
        "title": word(title),
        "seniority": seniority(title) or seniority(level),
        "department": department(title) or department(role),
        "linkedin_url": normalise_linkedin(linkedin_url),
        "country": country_code(country),
    }


def word(text: str | None) -> str | None:
    """Return a text that fits a field, or None when it says nothing."""
    return (text or "").strip()[:WORD_LENGTH_MAX] or None


_INDUSTRIES: Final = {
    "computer software": "software",
    "software development": "software",
    "internet software & services": "software",
    "application software": "software",
    "information technology & services": "it services",
    "information technology and services": "it services",
    "it services and it consulting": "it services",
    "professional services": "business services",
    "financial technology": "fintech",
}


def industry(text: str | None) -> str | None:
    """Return an industry in the words of the policy where a vendor has its own for it."""
    own = word(text)
    return _INDUSTRIES.get(own.casefold(), own.casefold()) if own else None


_SPAN = re.compile(r"\s*([0-9][0-9,]*)\s*([km]?)\s*(?:-\s*([0-9][0-9,]*)\s*([km]?)|(\+))\s*", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 1_000, "m": 1_000_000}


def middle(span: str | None) -> int | None:
    """Return the middle of a range such as `201-500` or `1K-5K`; of an open one (`10001+`) its beginning."""
    read = _SPAN.fullmatch(span or "")
    if read is None:
        return None
    low = int(read[1].replace(",", "")[:12]) * _UNITS[read[2].lower()]
    if read[3] is None:
        return low
    return (low + int(read[3].replace(",", "")[:12]) * _UNITS[read[4].lower()]) // 2


def instant(text: str | None) -> datetime | None:
    """Return a date or an instant of ISO 8601, in UTC where it says no offset; None for anything else."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _status(reply: Reply) -> str:
    return f"status {reply.status}"


def _retry_after(reply: Reply) -> float:
    try:
        seconds = float(reply.headers.get("retry-after", RETRY_AFTER_S))
    except ValueError:
        return RETRY_AFTER_S
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if math.isfinite(seconds) else RETRY_AFTER_S

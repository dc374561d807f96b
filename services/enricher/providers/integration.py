"""The port of a data vendor: a query becomes an HTTP request, and the reply becomes facts. Both are pure.

Sending, waiting and paying are the same for every vendor (`provider_client`). One test suite holds for all
vendors (`tests/contract/test_providers.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery, Subject
from shared.lead.events.parts import Company, Person
from shared.lead.normalise.countries import country_code
from shared.lead.normalise.industries import normalise_industry
from shared.lead.normalise.linkedin import normalise_linkedin
from shared.lead.normalise.names import company_name
from shared.lead.normalise.titles import department, seniority

TEXT_LENGTH_MAX: Final = 200
LIST_MAX: Final = 500
RETRY_AFTER_S_MAX: Final = 3_600.0
RETRY_AFTER_DEFAULT_S: Final = 1.0

COMPANY_FIELDS: Final = frozenset(
    {
        "company.name",
        "company.industry",
        "company.country",
        "company.employees",
        "company.funding_total_usd",
    }
)
"""The fields that every vendor of company data supplies."""
PERSON_FIELDS: Final = frozenset(
    {"person.title", "person.seniority", "person.department", "person.linkedin_url"}
)
"""The fields that every vendor of people data supplies."""

Verdict = Literal["match", "no_match", "pending", "rate_limited", "refused", "failed", "malformed", "timeout"]
"""`pending`: the vendor still looks, ask again soon. `refused`: a wrong key or no credits left."""
T = TypeVar("T")


class HttpRequest(Struct, frozen=True):
    """A call of a vendor's API. `path` is appended to the base URL, `params` is the query string."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str] = {}
    method: Literal["GET", "POST"] = "GET"


class HttpReply(Struct, frozen=True):
    """A vendor's response; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class ParsedReply(Struct, frozen=True):
    """What a reply means. `detail` explains a failure; `retry_after_s` belongs to `rate_limited`."""

    verdict: Verdict
    facts: ProviderFacts = ProviderFacts()
    detail: str = ""
    retry_after_s: float = 0.0


class Integration(Struct, frozen=True):
    """A vendor.

    - `gives`: the fields that an answer can have, by subject.
    - `request`: the HTTP request of a query with the given API key; None when the lead says too little.
    - `read`: by subject, the facts of a reply with status 200; None for no match. Raises
      `msgspec.MsgspecError` when the body is not the vendor's.
    - `verdicts`: the statuses that mean something else with this vendor than in general.
    """

    name: str
    gives: Mapping[Subject, frozenset[str]]
    request: Callable[[ProviderQuery, str], HttpRequest | None]
    read: Mapping[Subject, Callable[[ProviderQuery, bytes], ProviderFacts | ParsedReply | None]]
    verdicts: Mapping[int, Verdict] = {}

    def parse(self, query: ProviderQuery, reply: HttpReply) -> ParsedReply:
        """Return what a reply means. Never raises: whatever the vendor sends has a verdict."""
        status = f"status {reply.status}"
        verdict = self.verdicts.get(reply.status) or _VERDICTS.get(reply.status)
        if verdict == "rate_limited":
            return ParsedReply("rate_limited", detail=status, retry_after_s=_retry_after_s(reply))
        if verdict is not None:
            return ParsedReply(verdict, detail="" if verdict == "no_match" else status)
        if reply.status != 200:
            return ParsedReply("failed", detail=status)
        try:
            return self._parse_body(query, reply.body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return ParsedReply("malformed", detail=f"malformed answer: {error}"[:TEXT_LENGTH_MAX])

    def _parse_body(self, query: ProviderQuery, body: bytes) -> ParsedReply:
        facts = self.read[query.subject](query, body)
        if isinstance(facts, ParsedReply):
            return facts
        if facts is None:
            return ParsedReply("no_match")
        # msgspec checks bounds when it decodes a value, not when it constructs one. Facts are stored,
        # so they must be decodable for ever.
        return ParsedReply("match", msgspec.convert(msgspec.to_builtins(facts), ProviderFacts))


_VERDICTS: Final[Mapping[int, Verdict]] = {
    202: "pending",
    401: "refused",
    402: "refused",
    403: "refused",
    404: "no_match",
    429: "rate_limited",
}


def decode_json(body: bytes, kind: type[T]) -> T:
    """Return a JSON body as a value of `kind`. Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(body, type=kind)


def provider_facts(
    confidence: float,
    *,
    company: Mapping[str, Any] | None = None,
    person: Mapping[str, Any] | None = None,
    confidences: Mapping[str, float] | None = None,
    as_of: datetime | None = None,
) -> ProviderFacts:
    """Return the facts without those that are empty.

    Each has the same `confidence`, except those that `confidences` names (`company.employees`).
    """
    known_company = {name: value for name, value in (company or {}).items() if value or value == 0}
    known_person = {name: value for name, value in (person or {}).items() if value or value == 0}
    names = [f"company.{name}" for name in known_company] + [f"person.{name}" for name in known_person]
    own = confidences or {}
    return ProviderFacts(
        person=Person(**known_person),
        company=Company(**known_company),
        confidence={name: round(min(max(own.get(name, confidence), 0.0), 1.0), 4) for name in names},
        as_of=as_of,
    )


def company_facts(
    *,
    name: str | None = None,
    industry: str | None = None,
    country: str | None = None,
    parent: str | None = None,
    technologies: Iterable[str] = (),
    **numbers: int | datetime | None,
) -> dict[str, Any]:
    """Return facts about a company in Baton's field names and vocabulary; `numbers` are taken as they are."""
    tags = (clean_text(technology) for technology in list(technologies)[:LIST_MAX])
    return {
        "name": company_name(name),
        "industry": normalise_industry(clean_text(industry)),
        "country": country_code(country),
        "parent": clean_text(parent),
        "technologies": [tag.casefold() for tag in tags if tag],
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
    """Return facts about a person in Baton's field names and vocabulary.

    `level` and `role` of the vendor count only where the title says no seniority or department.
    """
    return {
        "title": clean_text(title),
        "seniority": seniority(title) or seniority(level),
        "department": department(title) or department(role),
        "linkedin_url": normalise_linkedin(linkedin_url),
        "country": country_code(country),
    }


def clean_text(text: str | None) -> str | None:
    """Return the text trimmed and cut to what a field may hold; None when it is blank."""
    return (text or "").strip()[:TEXT_LENGTH_MAX] or None


_RANGE = re.compile(r"\s*([0-9][0-9,]*)\s*([km]?)\s*(?:-\s*([0-9][0-9,]*)\s*([km]?)|(\+))\s*", re.IGNORECASE)
_MULTIPLIERS: Final = {"": 1, "k": 1_000, "m": 1_000_000}


def range_midpoint(text: str | None) -> int | None:
    """Return the midpoint of a range such as `201-500` or `1K-5K`, and the lower bound of `10001+`."""
    found = _RANGE.fullmatch(text or "")
    if found is None:
        return None
    low = int(found[1].replace(",", "")[:12]) * _MULTIPLIERS[found[2].lower()]
    if found[3] is None:
        return low
    return (low + int(found[3].replace(",", "")[:12]) * _MULTIPLIERS[found[4].lower()]) // 2


def parse_instant(text: str | None) -> datetime | None:
    """Return an ISO 8601 date or instant, in UTC when it has no offset; None for any other text."""
    try:
        parsed = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _retry_after_s(reply: HttpReply) -> float:
    try:
        seconds = float(reply.headers.get("retry-after", RETRY_AFTER_DEFAULT_S))
    except ValueError:
        return RETRY_AFTER_DEFAULT_S
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if math.isfinite(seconds) else RETRY_AFTER_DEFAULT_S

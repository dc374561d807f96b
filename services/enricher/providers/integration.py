"""The port of a data vendor: a query becomes an HTTP request, and the reply becomes facts. Both are pure.

Sending, waiting and paying are the same for every vendor (`provider_client`). One test suite holds for all
vendors (`tests/contract/test_providers.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar, cast

import msgspec
from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery, Subject
from services.enricher.providers.vendor_facts import TEXT_LENGTH_MAX
from shared.policy.integrations import INTEGRATION_FIELDS

RETRY_AFTER_S_MAX: Final = 3_600.0
RETRY_AFTER_DEFAULT_S: Final = 1.0

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
    - `read`: by subject, the facts of a reply with status 200; none of them, or None, for no match. Raises
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
        # A vendor may find somebody of whom it shows nothing that Baton has a field for.
        return ParsedReply("match", facts) if facts and facts.confidence else ParsedReply("no_match")


def given_by(name: str) -> Mapping[Subject, frozenset[str]]:
    """Return the fields that an answer of an integration can have, by subject."""
    return cast("Mapping[Subject, frozenset[str]]", INTEGRATION_FIELDS[name])


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


def _retry_after_s(reply: HttpReply) -> float:
    try:
        seconds = float(reply.headers.get("retry-after", RETRY_AFTER_DEFAULT_S))
    except ValueError:
        return RETRY_AFTER_DEFAULT_S
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if math.isfinite(seconds) else RETRY_AFTER_DEFAULT_S

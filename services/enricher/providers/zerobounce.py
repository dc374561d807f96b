"""ZeroBounce: whether an address takes mail.

A wrong key and used-up credits come with status 200 and an `error` in the body.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.enricher.domain.providers import ProviderFacts, ProviderQuery
from services.enricher.providers.integration import (
    TEXT_LENGTH_MAX,
    HttpRequest,
    Integration,
    ParsedReply,
    decode_json,
    provider_facts,
)

_STATUSES: Final = {
    "valid": "verified",
    "invalid": "invalid",
    "spamtrap": "invalid",
    "catch-all": "risky",
    "abuse": "risky",
    "do_not_mail": "risky",
}
_STATUS_CONFIDENCE: Final = 0.95


class _Validated(Struct):
    status: str | None = None
    error: str | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    return HttpRequest("/v2/validate", {"api_key": key, "email": query.target.email or "", "ip_address": ""})


def read_verification(_query: ProviderQuery, body: bytes) -> ProviderFacts | ParsedReply | None:
    """Return whether the address takes mail; None when ZeroBounce cannot tell."""
    reply = decode_json(body, _Validated)
    if reply.error:
        return ParsedReply("refused", detail=reply.error[:TEXT_LENGTH_MAX])
    if reply.status is None:
        return ParsedReply("malformed", detail="malformed answer: no status")
    status = _STATUSES.get(reply.status.casefold())
    return None if status is None else provider_facts(_STATUS_CONFIDENCE, person={"email_status": status})


ZEROBOUNCE: Final = Integration(
    name="zerobounce",
    gives={"email": frozenset({"person.email_status"})},
    request=build_request,
    read={"email": read_verification},
)

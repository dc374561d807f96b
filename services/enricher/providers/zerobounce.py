"""ZeroBounce: whether an address takes mail, and of some addresses whose it is.

A wrong key and used-up credits come with status 200 and an `error` in the body.
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
from services.enricher.providers.vendor_facts import TEXT_LENGTH_MAX, person_facts, provider_facts

_STATUSES: Final = {
    "valid": "verified",
    "invalid": "invalid",
    "spamtrap": "invalid",
    "catch-all": "risky",
    "abuse": "risky",
    "do_not_mail": "risky",
}
_STATUS_CONFIDENCE: Final = 0.95
_OWNER_CONFIDENCE: Final = 0.7
"""Of the owner, whom ZeroBounce knows from public records of the address."""


class _Validated(Struct):
    status: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    country: str | None = None
    error: str | None = None


def build_request(query: ProviderQuery, key: str) -> HttpRequest | None:
    return HttpRequest("/v2/validate", {"api_key": key, "email": query.target.email or "", "ip_address": ""})


def read_verification(_query: ProviderQuery, body: bytes) -> ProviderFacts | ParsedReply | None:
    """Return whether the address takes mail, if ZeroBounce can tell, and what it knows of the owner.

    No IP address is sent, so a country is not that of an address.
    """
    reply = decode_json(body, _Validated)
    if reply.error:
        return ParsedReply("refused", detail=reply.error[:TEXT_LENGTH_MAX])
    if reply.status is None:
        return ParsedReply("malformed", detail="malformed answer: no status")
    facts = person_facts(
        first_name=reply.firstname,
        last_name=reply.lastname,
        country=reply.country,
        email_status=_STATUSES.get(reply.status.casefold()),
    )
    return provider_facts(
        _OWNER_CONFIDENCE, person=facts, confidences={"person.email_status": _STATUS_CONFIDENCE}
    )


ZEROBOUNCE: Final = Integration(
    name="zerobounce",
    gives=given_by("zerobounce"),
    request=build_request,
    read={"email": read_verification},
)

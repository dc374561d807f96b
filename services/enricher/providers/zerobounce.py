"""ZeroBounce: whether an address takes mail.

A wrong key and used-up credits are told with status 200 and an `error` in the body.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.enricher.domain.providers import Found, Question
from services.enricher.providers.integration import (
    WORD_LENGTH_MAX,
    Integration,
    ParsedReply,
    Request,
    decoded,
    found,
)

_STATUSES: Final = {
    "valid": "verified",
    "invalid": "invalid",
    "spamtrap": "invalid",
    "catch-all": "risky",
    "abuse": "risky",
    "do_not_mail": "risky",
}
_SURE_OF_STATUS: Final = 0.95


class _Validated(Struct):
    status: str | None = None
    error: str | None = None


def _request(question: Question, key: str) -> Request | None:
    return Request("/v2/validate", {"api_key": key, "email": question.whom.email or "", "ip_address": ""})


def _read(_question: Question, body: bytes) -> Found | ParsedReply | None:
    told = decoded(body, _Validated)
    if told.error:
        return ParsedReply("refused", detail=told.error[:WORD_LENGTH_MAX])
    if told.status is None:
        return ParsedReply("malformed", detail="malformed answer: no status")
    status = _STATUSES.get(told.status.casefold())
    return None if status is None else found(_SURE_OF_STATUS, person={"email_status": status})


ZEROBOUNCE: Final = Integration(
    name="zerobounce",
    gives={"email": frozenset({"person.email_status"})},
    request=_request,
    read=_read,
)

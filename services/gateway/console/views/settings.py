"""The page Settings: keys, the data of a person, and the audit trail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import Struct

from services.gateway.domain.access import SCOPES, ApiKey
from services.gateway.domain.audit import WORDS, AuditEntry
from services.gateway.queries.audit import AuditFilter
from shared.policy.models import Policy

_VALUE_LENGTH_MAX: Final = 80
_ID: Final = re.compile(r"[0-9a-f-]{36,64}")
_SCOPE_WORDS: Final = {
    "intake": "intake: writes leads and reads none",
    "read": "read: reads everything but settings",
    "rep": "rep: works the leads of one rep",
    "manager": "manager: works all leads, reads policies",
    "admin": "admin: everything",
}


class KeyLine(Struct, frozen=True):
    """A key, without its text. `is_own` is the one that the session is of."""

    id: str
    name: str
    scopes: str
    rep: str | None
    rep_name: str | None
    created_at: datetime
    is_own: bool


class KeysPage(Struct, frozen=True):
    """The keys, what a new one may be, and the text of the one that was just made."""

    keys: Sequence[KeyLine]
    scopes: Sequence[tuple[str, str]]
    reps: Sequence[tuple[str, str]]
    made: str = ""
    fault: str = ""


class PrivacyPage(Struct, frozen=True):
    """The receipt of an erasure, if one was just asked for, or why it was not."""

    receipt_id: str = ""
    requested_at: datetime | None = None
    fault: str = ""


class AuditLine(Struct, frozen=True):
    """An entry of the audit trail in words."""

    at: datetime
    what: str
    kind: str
    subject: str
    who: str
    rep: str | None
    address: str
    note: str | None
    details: Sequence[tuple[str, str]]


class AuditPage(Struct, frozen=True):
    """A page of the audit trail. `older` is the address of the next one."""

    lines: Sequence[AuditLine]
    kinds: Sequence[tuple[str, str]]
    kind: str
    older: str | None


def keys_page(keys: Sequence[ApiKey], policy: Policy, *, own_id: str, made: str, fault: str) -> KeysPage:
    """Return the page of keys."""
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    lines = [
        KeyLine(
            id=key.id,
            name=key.name,
            scopes=", ".join(key.scopes),
            rep=key.rep,
            rep_name=names.get(key.rep or ""),
            created_at=key.created_at,
            is_own=key.id == own_id,
        )
        for key in keys
    ]
    reps = [(rep.id, rep.name) for rep in policy.team.reps]
    return KeysPage(lines, [(scope, _SCOPE_WORDS[scope]) for scope in SCOPES], reps, made, fault)


def audit_page(entries: Sequence[AuditEntry], wanted: AuditFilter, cursor: str | None) -> AuditPage:
    """Return a page of the audit trail, with the kinds to choose from in the order of their words."""
    kept = {"kind": wanted.kind, "subject": wanted.subject, "key_id": wanted.key_id, "rep": wanted.rep}
    asked = {name: value for name, value in kept.items() if value}
    older = "/settings/audit?" + urlencode({**asked, "cursor": cursor}) if cursor else None
    lines = [
        AuditLine(
            at=entry.at,
            what=WORDS.get(entry.kind, entry.kind),
            kind=entry.kind,
            subject=entry.subject,
            who=entry.name,
            rep=entry.rep,
            address=entry.address,
            note=entry.note,
            details=[
                (name.replace("_", " "), _text(value)) for name, value in entry.details.items() if value
            ],
        )
        for entry in entries
    ]
    kinds = sorted(WORDS.items(), key=lambda item: item[1])
    return AuditPage(lines, kinds, wanted.kind or "", older)


def _text(value: Any) -> str:
    if isinstance(value, str) and _ID.fullmatch(value):
        return value[:13] + "…"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _VALUE_LENGTH_MAX else text[: _VALUE_LENGTH_MAX - 1] + "…"

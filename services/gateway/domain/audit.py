"""The audit trail: who changed what, from where, when, and why. Pure.

An entry is written in the transaction of its change. A change that is an event has no transaction with the
stream: its entry is written before the event is published and names the event, so that no event is published
without an entry. An entry whose event the ledger does not have is of an attempt that failed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, get_args

import msgspec
from msgspec import Struct, structs

from services.gateway.domain.rejected import mentions
from shared.storage.rows import Row

AuditKind = Literal[
    "account.changed",
    "accounts.imported",
    "api_key.created",
    "api_key.revoked",
    "audit.exported",
    "backtest.deleted",
    "backtest.started",
    "dead_letter.replayed",
    "dead_letter.set_aside",
    "dead_letter.taken_back",
    "delivery.retried",
    "lead.accepted",
    "lead.account_chosen",
    "lead.handed_off",
    "lead.reassigned",
    "lead.rejected",
    "lead.snoozed",
    "person.erased",
    "person.exported",
    "policy.applied",
    "rep.changed",
    "session.ended",
    "session.link_created",
    "session.started",
    "source.replayed",
    "subscription.changed",
    "subscription.created",
    "subscription.deleted",
    "subscription.replayed",
    "subscription.secret_rotated",
    "subscription.tested",
]
"""What was done: the kind of its subject, and the verb."""

KINDS: Final[tuple[AuditKind, ...]] = get_args(AuditKind)

WORDS: Final[Mapping[AuditKind, str]] = {
    "account.changed": "Changed an account",
    "accounts.imported": "Imported accounts",
    "api_key.created": "Created an API key",
    "api_key.revoked": "Revoked an API key",
    "audit.exported": "Exported the audit trail",
    "backtest.deleted": "Cancelled or deleted a backtest",
    "backtest.started": "Started a backtest",
    "dead_letter.replayed": "Replayed a dead letter",
    "dead_letter.set_aside": "Set dead letters aside",
    "dead_letter.taken_back": "Took a dead letter back that was set aside",
    "delivery.retried": "Sent a delivery again",
    "lead.accepted": "Accepted a lead",
    "lead.account_chosen": "Chose the account of a lead",
    "lead.handed_off": "Handed a lead off",
    "lead.reassigned": "Reassigned a lead",
    "lead.rejected": "Gave a lead back",
    "lead.snoozed": "Snoozed a lead",
    "person.erased": "Erased a person",
    "person.exported": "Exported the data of a person",
    "policy.applied": "Applied a policy",
    "rep.changed": "Changed the availability of a rep",
    "session.ended": "Signed out",
    "session.link_created": "Made a sign-in link",
    "session.started": "Signed in",
    "source.replayed": "Replayed rejected submissions",
    "subscription.changed": "Changed a subscription",
    "subscription.created": "Created a subscription",
    "subscription.deleted": "Deleted a subscription",
    "subscription.replayed": "Sent the deliveries of a time again",
    "subscription.secret_rotated": "Rotated the secret of a subscription",
    "subscription.tested": "Sent a test event",
}
"""The kinds in words, for people."""

ERASED: Final = "erased"
_NOTE_LENGTH_MAX: Final = 2_000
_SUBJECT_LENGTH_MAX: Final = 500


class Author(Struct, frozen=True):
    """Who makes a change: id and name of the key, its rep if it has one, and the address of the client."""

    key_id: str
    name: str
    rep: str | None
    address: str


class AuditEntry(Row, frozen=True):
    """A row of `audit`. `details` are a few values by name, never contact details of a person."""

    id: str
    at: datetime
    kind: AuditKind
    subject: str
    key_id: str
    name: str
    rep: str | None
    address: str
    note: str | None
    details: dict[str, Any]
    table: ClassVar[str] = "audit"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)


def audit_entry(
    author: Author,
    kind: AuditKind,
    subject: str,
    note: str | None,
    details: Mapping[str, Any],
    *,
    at: datetime,
    id_: str,
) -> AuditEntry:
    """Return the entry of a change; a subject or note that is too long for its column is cut."""
    return AuditEntry(
        id=id_,
        at=at,
        kind=kind,
        subject=subject[:_SUBJECT_LENGTH_MAX],
        key_id=author.key_id,
        name=author.name,
        rep=author.rep,
        address=author.address,
        note=note[:_NOTE_LENGTH_MAX] if note else None,
        details=dict(details),
    )


def redacted(entry: AuditEntry, lead_ids: Collection[str], identifiers: Collection[str]) -> AuditEntry | None:
    """Return the entry without what names an erased person, None when nothing in it does.

    `lead_ids` are the leads of the person, `identifiers` those of an `Identity`. That something was done,
    when and by whom, stays.
    """
    details = msgspec.json.encode(entry.details)
    texts = {field: (getattr(entry, field) or "").encode() for field in ("name", "note", "subject")}
    named: dict[str, Any] = {field: ERASED for field, text in texts.items() if mentions(text, identifiers)}
    if entry.subject in lead_ids:
        named["subject"] = ERASED
    if "subject" in named or mentions(details, identifiers):
        named["details"] = {}
    return structs.replace(entry, **named) if named else None

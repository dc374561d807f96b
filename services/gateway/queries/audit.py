"""The audit trail as it is listed, erased and pruned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Text, cast, delete, or_, select

from services.gateway.domain.audit import AuditEntry, redacted
from services.gateway.tables import audit
from shared.storage.database import Database, Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.storage.rows import IdentityMap, Put

_AT_ONCE: Final = 1_000


class AuditFilter(Struct, frozen=True):
    """What to list; None is anything. `since` is included, `until` is not."""

    kind: str | None = None
    subject: str | None = None
    key_id: str | None = None
    rep: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_audit(tx: Tx, wanted: AuditFilter, after: Cursor | None, limit: int) -> list[AuditEntry]:
    """Return at most `limit` entries, the newest first, from the cursor `after` on."""
    conditions: list[ColumnElement[bool]] = [
        audit.c[name] == value
        for name in ("kind", "subject", "key_id", "rep")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.at < wanted.until)
    if after is not None:
        conditions.append(after_cursor(after, audit.c.at, audit.c.id))
    statement = select(audit).where(*conditions).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    return [AuditEntry(*tuple(row)) for row in await tx.execute(statement)]


async def redact_audit(database: Database, lead_ids: Collection[str], identifiers: Collection[str]) -> int:
    """Remove what names an erased person from all entries; return the number of entries that did."""
    changed = 0
    async for chunk, redacted_ones in _entries_naming(database, lead_ids, identifiers):
        rows = IdentityMap(chunk)
        rows.apply(map(Put, redacted_ones))
        async with database.begin() as tx:
            await tx.write(rows)
        changed += len(redacted_ones)
    return changed


async def entries_about_person(
    database: Database, lead_ids: Collection[str], identifiers: Collection[str]
) -> list[AuditEntry]:
    """Return every entry that names a person or is about their lead, in the order of their ids."""
    found: list[AuditEntry] = []
    async for chunk, redacted_ones in _entries_naming(database, lead_ids, identifiers):
        naming = {entry.id for entry in redacted_ones}
        found += (entry for entry in chunk if entry.id in naming)
    return found


async def _entries_naming(
    database: Database, lead_ids: Collection[str], identifiers: Collection[str]
) -> AsyncIterator[tuple[list[AuditEntry], list[AuditEntry]]]:
    """Yield some entries at a time, and those among them that name a person, without what names them.

    Only entries about a lead of the person, with a note, or whose text has an @ can name somebody; they are
    read and searched a few at a time.
    """
    searched = (audit.c.name, audit.c.subject, cast(audit.c.details, Text))
    texts = or_(audit.c.note.is_not(None), *(column.contains("@") for column in searched))
    may_name = or_(audit.c.subject.in_(list(lead_ids)), texts)
    last = ""
    while True:
        statement = select(audit).where(audit.c.id > last, may_name).order_by(audit.c.id).limit(_AT_ONCE)
        async with database.read() as tx:
            chunk = [AuditEntry(*tuple(row)) for row in await tx.execute(statement)]
        if not chunk:
            return
        found = await asyncio.to_thread(_redact_all, chunk, lead_ids, identifiers)
        if found:
            yield chunk, found
        last = chunk[-1].id


def _redact_all(
    entries: Sequence[AuditEntry], lead_ids: Collection[str], identifiers: Collection[str]
) -> list[AuditEntry]:
    return [done for entry in entries if (done := redacted(entry, lead_ids, identifiers)) is not None]


async def prune_audit(database: Database, before: datetime) -> bool:
    """Delete entries older than `before`, some at a time; return whether there may be more."""
    old = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.at).limit(_AT_ONCE)
    async with database.begin() as tx:
        result = await tx.execute(delete(audit).where(audit.c.id.in_(old)))
    return result.rowcount == _AT_ONCE

"""Instants as they travel: RFC 3339 text in UTC, and the stream's own time stamps."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.messaging.port import Record


def rfc3339(at: datetime) -> str:
    """Return an instant as text in UTC, e.g. `2026-01-31T09:30:00.125000Z`."""
    there = at if at.tzinfo is UTC else at.astimezone(UTC)
    return there.isoformat().removesuffix("+00:00") + "Z"


def appended_at(record: Record) -> datetime | None:
    """Return when the record was appended, or None for a time stamp (its producer's) that is no instant."""
    try:
        return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None

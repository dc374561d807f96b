"""Days by the clock of a time zone, as instants."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day by the clock of a zone, also where the clock skips midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or the last one of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

"""Times in words for a reader: `12 days ago`, `on 3 March`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_RELATIVE_DAYS_MAX: Final = 90
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


def ago(then: datetime, now: datetime) -> str:
    """Return how long ago something was, at most 90 days; before and after that, the day: `on 3 March`."""
    seconds = (now - then).total_seconds()
    if 0 <= seconds < _MINUTE_S:
        return "just now"
    for unit_s, limit_s, unit, one in (
        (_MINUTE_S, _HOUR_S, "minutes", "a minute"),
        (_HOUR_S, _DAY_S, "hours", "an hour"),
        (_DAY_S, _RELATIVE_DAYS_MAX * _DAY_S, "days", "a day"),
    ):
        if 0 <= seconds < limit_s:
            count = int(seconds // unit_s)
            return f"{one} ago" if count == 1 else f"{count} {unit} ago"
    return f"on {day(then.astimezone(UTC).date(), now)}"


def day(then: date, now: datetime) -> str:
    """Return a day, `3 March`, with its year unless that is the present one."""
    return day_of_year(then, with_year=then.year != now.astimezone(UTC).year)


def day_of_year(then: date, *, with_year: bool = True) -> str:
    """Return a day, `3 March 2026`."""
    return f"{then.day} {_MONTHS[then.month - 1]}{f' {then.year}' if with_year else ''}"

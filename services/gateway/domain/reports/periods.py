"""The days or hours that a report is about, and the counters that it reads for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple

EPOCH: Final = date(1970, 1, 1)
BEGINNING: Final = date(2000, 1, 1)
"""The first day that a report may ask for."""
PeriodName = Literal["24h", "7d", "30d", "90d", "all"]
_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}


class Period(NamedTuple):
    """Days of UTC, both included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    def spans(self) -> Iterable[tuple[str, int, int]]:
        """Yield grain, first and last day of rows to read: whole months, and the days before and after."""
        first, last = _number(self.since), _number(self.until)
        before = self.since - timedelta(days=1)
        begin = _number((before.replace(day=1) + timedelta(days=32)).replace(day=1))
        end = _number((self.until + timedelta(days=1)).replace(day=1))
        if begin >= end:
            yield "d", first, last
            return
        yield "m", begin, end - 1
        if first < begin:
            yield "d", first, begin - 1
        if end <= last:
            yield "d", end, last

    @property
    def hours(self) -> tuple[int, int]:
        """Return the first and the last hour, counted from 1970."""
        return _number(self.since) * 24, _number(self.until) * 24 + 23


class RecentHours(NamedTuple):
    """Whole hours, counted from 1970, both included. There are counters of the last three days."""

    first: int
    last: int

    def spans(self) -> Iterable[tuple[str, int, int]]:
        """Yield grain, first and last hour of rows to read."""
        yield "h", self.first, self.last

    @property
    def hours(self) -> tuple[int, int]:
        """Return the first and the last hour."""
        return self.first, self.last


Window = Period | RecentHours
"""What sums are taken over."""


def named_period(name: PeriodName, now: datetime) -> Window:
    """Return the latest period of a name: this hour and the 23 before it, or today and the days before it."""
    if name == "24h":
        hour = int(now.timestamp()) // 3_600
        return RecentHours(hour - 23, hour)
    today = now.date()
    return Period(today - timedelta(days=_DAYS[name] - 1) if name in _DAYS else BEGINNING, today)


def period_before(window: Window) -> Window | None:
    """Return the period of the same length before, None where that is before the first day of reports."""
    if isinstance(window, RecentHours):
        length = window.last - window.first + 1
        return RecentHours(window.first - length, window.last - length)
    until = window.since - timedelta(days=1)
    since = until - timedelta(days=window.days - 1)
    return Period(since, until) if since >= BEGINNING else None


def _number(day: date) -> int:
    return day.toordinal() - EPOCH.toordinal()

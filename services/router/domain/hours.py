"""Working hours on the time line: whether somebody is at work, and by when so much working time has passed.

Hours are kept by the clock on the wall; a day of a change to or from summer time is as much shorter or
longer. A shift that the clock jumps over is not there that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.policy.hours import Hours, Shift

_NOTHING: Final = timedelta()
_DAY: Final = timedelta(days=1)
_HORIZON_DAYS: Final = 400
"""A deadline is at most this far away, however few hours somebody works."""


class WorkingHours:
    """When one or several reps work: a function of time that remembers the last span it was asked for."""

    def __init__(self, hours: Hours, zone: str) -> None:
        self._hours = hours
        self._zone = ZoneInfo(zone)
        self._same = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), False)

    def is_open(self, at: datetime) -> bool:
        """Return whether `at` is working time."""
        since, until, is_open = self._same
        if not since <= at < until:
            since, until, is_open = self._same = self._around(at)
        return is_open

    def deadline(self, at: datetime, length: timedelta) -> datetime:
        """Return when `length` of working time has passed after `at`: within a shift, or at the end of one.

        Beyond the horizon it is the end of the last shift before that.
        """
        latest = at
        for begins, ends in self._spans(at, _HORIZON_DAYS):
            rest = ends - max(begins, latest)
            if rest >= length:
                return ends - rest + length
            length -= max(rest, _NOTHING)
            latest = max(ends, latest)
        return latest

    def _around(self, at: datetime) -> tuple[datetime, datetime, bool]:
        """Return a span around `at` in which it is open all the time, or closed all the time."""
        since = at
        for begins, ends in self._spans(at, 8):
            if begins <= at < ends:
                return begins, ends, True
            if begins > at:
                return since, begins, False
        return since, at + _DAY, False

    def _spans(self, at: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield the shifts that end after `at`, by the day on which they begin, for so many days."""
        today = at.astimezone(self._zone).date()
        for number in range(-1, days):
            day = today + number * _DAY
            for shift in self._shifts:
                if day.weekday() in shift.days:
                    begins, ends = (
                        self._instant(day, shift.begins, fold=0),
                        self._instant(day, shift.ends, fold=1),
                    )
                    if ends > max(begins, at):
                        yield begins, ends

    @property
    def _shifts(self) -> list[Shift]:
        return sorted(self._hours.shifts, key=lambda shift: shift.begins)

    def _instant(self, day: date, minutes: int, *, fold: int) -> datetime:
        """Return when the clock shows so many minutes after midnight; of two such times, by `fold`."""
        days, minutes = divmod(minutes, 24 * 60)
        clock = time(minutes // 60, minutes % 60, fold=fold)
        return datetime.combine(day + days * _DAY, clock, self._zone).astimezone(UTC)

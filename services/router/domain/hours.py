"""Working hours as instants: whether a rep is at work, and when an amount of working time has passed.

Hours are local wall-clock times in the rep's time zone. On a day on which the clock changes, a shift that
spans the change is an hour shorter or longer; a shift that the clock skips entirely does not take place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from shared.policy.hours import Hours

_ZERO: Final = timedelta()
_DAY: Final = timedelta(days=1)
_HORIZON_DAYS: Final = 400
"""Deadlines are at most this far in the future, however few hours a rep works."""


class WorkingHours:
    """The working hours of one or more reps in one time zone. The last span that was looked up is cached."""

    def __init__(self, hours: Hours, zone: str) -> None:
        self._shifts = sorted(hours.shifts, key=lambda shift: shift.begins)
        self._zone = ZoneInfo(zone)
        self._cached_span = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), False)

    def is_open(self, at: datetime) -> bool:
        """Return whether `at` is working time."""
        start, end, is_open = self._cached_span
        if not start <= at < end:
            start, end, is_open = at, at + _DAY, False
            for begins, ends in self._shifts_after(at, 8):
                if begins <= at < ends:
                    start, end, is_open = begins, ends, True
                    break
                if begins > at:
                    end = begins
                    break
            self._cached_span = (start, end, is_open)
        return is_open

    def deadline(self, at: datetime, length: timedelta) -> datetime:
        """Return when `length` of working time has passed after `at`: within a shift, or at the end of one.

        If the horizon does not hold that much working time, it is the end of the last shift before it.
        """
        reached = at
        for begins, ends in self._shifts_after(at, _HORIZON_DAYS):
            left = ends - max(begins, reached)  # negative when an overlapping shift already ended later
            if left >= length:
                return ends - left + length
            length -= max(left, _ZERO)
            reached = max(ends, reached)
        return reached

    def _shifts_after(self, at: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield start and end of the shifts that end after `at`, by the day on which they begin.

        Yesterday is included, because a shift may last past midnight.
        """
        today = at.astimezone(self._zone).date()
        for offset in range(-1, days):
            day = today + offset * _DAY
            for shift in self._shifts:
                if day.weekday() in shift.days:
                    begins = self._instant(day, shift.begins, fold=0)
                    ends = self._instant(day, shift.ends, fold=1)
                    if ends > max(begins, at):
                        yield begins, ends

    def _instant(self, day: date, minutes: int, *, fold: int) -> datetime:
        """Return the instant of a wall-clock time; `fold` picks one of two when the clock is set back."""
        days, minutes = divmod(minutes, 24 * 60)
        clock = time(minutes // 60, minutes % 60, fold=fold)
        return datetime.combine(day + days * _DAY, clock, self._zone).astimezone(UTC)

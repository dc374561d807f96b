"""Working hours as instants: whether a rep is at work, and when an amount of working time has passed.

Hours are local wall-clock times in the rep's time zone: a rep is at work whenever the clock there shows a
time within a shift. So on a day on which the clock changes, a shift that spans the change is an hour shorter
or longer, what the clock skips does not take place, and what it shows twice takes place twice. On a day off,
by the date there, no shift takes place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

if TYPE_CHECKING:
    from shared.policy.hours import Hours

_ZERO: Final = timedelta()
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_CHANGES_APART: Final = timedelta(days=3)
"""No clock of the tz database has ever changed twice within that time."""
_HORIZON_DAYS: Final = 400
"""Deadlines are at most this far in the future, however few hours a rep works."""


class ConstantOffset(Struct, frozen=True, gc=False):
    """A span of time during which the local clock of a zone is `ahead` of UTC."""

    begins: datetime
    ends: datetime
    ahead: timedelta


DaysOff = Callable[[int], frozenset[date]]
"""Returns the days of a year on which a rep does not work. Its result never changes."""


class WorkingHours:
    """The working hours of one or more reps in one time zone. The last span that was looked up is cached.

    `days_off` are local dates in that zone; None if the reps have no calendar.
    """

    def __init__(self, hours: Hours, zone: str, days_off: DaysOff | None = None) -> None:
        self._shifts = sorted(hours.shifts, key=lambda shift: shift.begins)
        self._zone = zone
        self._days_off = days_off
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

    def is_day_off(self, at: datetime) -> bool:
        """Return whether the clock of the zone shows at `at` a date that is a day off."""
        day = at.astimezone(ZoneInfo(self._zone)).date()
        return self._days_off is not None and day in self._days_off(day.year)

    def span_at(self, at: datetime) -> tuple[datetime, datetime, bool]:
        """Return a span of time that contains `at` as start and end, and whether it is working time."""
        self.is_open(at)
        return self._cached_span

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

    def worked(self, begin: datetime, end: datetime) -> timedelta:
        """Return how much working time there is from `begin` to `end`, which are at most 400 days apart."""
        found = _ZERO
        for begins, ends in self._shifts_after(begin, _HORIZON_DAYS):
            if begins >= end:
                break
            found += min(ends, end) - max(begins, begin)
        return found

    def _shifts_after(self, at: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield start and end of the shifts that end after `at`, in the order of time.

        A shift during which the clock changes comes in parts.
        """
        until = at + days * _DAY
        for year in range(at.year, until.year + 1):
            for offset in constant_offsets(self._zone, year):
                if offset.ends > at and offset.begins < until:
                    yield from self._shifts_at(offset, at, until)

    def _shifts_at(
        self, offset: ConstantOffset, at: datetime, until: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield start and end of the shifts within a span of one offset that end after `at`."""
        first, last = max(offset.begins, at), min(offset.ends, until)
        midnight = datetime.combine((first + offset.ahead).date(), time(), UTC) - offset.ahead
        while midnight < last:
            day = midnight + offset.ahead
            is_off = self._days_off is not None and day.date() in self._days_off(day.year)
            weekday = day.weekday()
            for shift in self._shifts if not is_off else ():
                if weekday in shift.days:
                    begins = max(midnight + shift.begins * _MINUTE, offset.begins)
                    ends = min(midnight + shift.ends * _MINUTE, offset.ends)
                    if ends > max(begins, at):
                        yield begins, ends
            midnight += _DAY


@lru_cache(maxsize=2_048)
def constant_offsets(zone: str, year: int) -> tuple[ConstantOffset, ...]:
    """Return the spans of a year (UTC) during which the clock of a zone keeps its offset, in order."""
    clock, ends = ZoneInfo(zone), datetime(year + 1, 1, 1, tzinfo=UTC)

    def ahead(at: datetime) -> timedelta:
        return at.astimezone(clock).utcoffset() or _ZERO

    begins = [datetime(year, 1, 1, tzinfo=UTC)]
    at, before = begins[0], ahead(begins[0])
    while at < ends:
        following = min(at + _CHANGES_APART, ends)
        after = ahead(following)
        if after != before:
            last, first = at, following
            while first - last > _SECOND:
                middle = last + (first - last) // _SECOND // 2 * _SECOND
                last, first = (middle, first) if ahead(middle) == before else (last, middle)
            if first < ends:
                begins.append(first)
        at, before = following, after
    return tuple(ConstantOffset(*span, ahead(span[0])) for span in pairwise((*begins, ends)))

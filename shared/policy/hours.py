"""Working hours and their text: `Mon-Fri 09:00-17:00`, several shifts joined by commas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_DAY: Final = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK: Final = "[0-2][0-9]:[0-5][0-9]"
HOURS_PATTERN: Final = f"^{_DAY}(-{_DAY})? {_CLOCK}-{_CLOCK}"
"""The beginning of valid hours, for JSON Schemas."""

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHIFT = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? +([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})", re.IGNORECASE)
_MIDNIGHT: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Shift:
    """The same hours on several days. Monday is 0; `begins` and `ends` are minutes after local midnight."""

    days: tuple[int, ...]
    begins: int
    ends: int

    def __str__(self) -> str:
        first, last = (_DAYS[day].capitalize() for day in (self.days[0], self.days[-1]))
        begins, ends = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begins, self.ends))
        return f"{first if first == last else f'{first}-{last}'} {begins}-{ends}"


@dataclass(frozen=True, slots=True)
class Hours:
    """The shifts of a person, in the time zone of that person."""

    shifts: tuple[Shift, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.shifts))


ROUND_THE_CLOCK: Final = Hours((Shift(tuple(range(7)), 0, _MIDNIGHT),))
"""Every hour of every day."""


def parse_hours(text: str) -> Hours:
    """Return the hours of a text; raises `ValueError` with the reason when they are invalid or overlap."""
    shifts = tuple(parse_shift(part.strip()) for part in text.split(","))
    taken: dict[int, list[Shift]] = {}
    for shift in shifts:
        for day in shift.days:
            if any(shift.begins < other.ends and other.begins < shift.ends for other in taken.get(day, ())):
                raise ValueError(f"two shifts overlap on {_DAYS[day].capitalize()}")
            taken.setdefault(day, []).append(shift)
    return Hours(shifts)


def parse_shift(text: str) -> Shift:
    """Return the shift of a text such as `Sat-Mon 10:00-24:00`; raises `ValueError` with the reason."""
    match = _SHIFT.fullmatch(text)
    if match is None:
        raise ValueError("should be hours such as Mon-Fri 09:00-17:00, or several joined by commas")
    first, last, *clock = match.groups()
    begins, ends = (int(hour) * 60 + int(minute) for hour, minute in (clock[:2], clock[2:]))
    if max(int(clock[1]), int(clock[3])) > 59 or not begins < ends <= _MIDNIGHT:
        raise ValueError("hours should begin before they end, between 00:00 and 24:00 of one day")
    for name in (first, last or first):
        if name.casefold() not in _DAYS:
            raise ValueError(f'"{name}" is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun')
    begin, end = (_DAYS.index(name.casefold()) for name in (first, last or first))
    days = tuple((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return Shift(days, begins, ends)

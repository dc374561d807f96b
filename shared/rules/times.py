"""Durations of a policy: `15m`, `4h`, `14d`, and business time, `4h business`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_FORM = re.compile(r"([0-9]{1,6})([smhd])(?: +(business))?")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S: Final = 10 * 366 * 86_400

DURATION_PATTERN: Final = "^[0-9]{1,6}[smhd]( +business)?$"
"""The form of a duration, for schemas."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time. With `business` it counts only while somebody works. `60m` and `1h` are equal."""

    seconds: int
    business: bool = False

    @property
    def timedelta(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def __str__(self) -> str:
        unit = next(unit for unit in "dhms" if self.seconds % _UNIT_S[unit] == 0)
        return f"{self.seconds // _UNIT_S[unit]}{unit}{' business' if self.business else ''}"


def parse_duration(text: str) -> Duration:
    """Return the duration; raises `ValueError`, with a message for people, when it is none."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "should be a duration: a whole number and s, m, h or d, such as 15m, 14d or 4h business"
        )
    seconds = int(match[1]) * _UNIT_S[match[2]]
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError("should be a duration of more than nothing and of ten years at most")
    return Duration(seconds, business=match[3] is not None)

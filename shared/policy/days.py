"""Days of the calendar as texts: `2026-12-24`."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

DAY_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
"""The form of a day, for schemas."""
_YEARS: Final = range(1900, 3000)
"""The years that a policy may name, so that there is a next day by every clock."""
_FORM = re.compile(DAY_PATTERN)


def parse_day(text: str) -> date:
    """Return the day; raises `ValueError`, with a message for people, when the text is none."""
    if _FORM.match(text):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            pass
        else:
            if day.year in _YEARS:
                return day
            raise ValueError(f"should be a day of the years {_YEARS[0]} to {_YEARS[-1]}")
    raise ValueError("should be a day that exists, such as 2026-12-24")

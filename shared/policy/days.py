"""Days of the calendar as texts: `2026-12-24`."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

DAY_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
"""The form of a day, for schemas."""
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2999
"""The years that a policy may name: the day after any of their days exists by every clock."""
_FORM = re.compile(DAY_PATTERN)


def parse_day(text: str) -> date:
    """Return the day; raises `ValueError`, with a message for people, when the text is none."""
    if _FORM.match(text):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            pass
        else:
            if FIRST_YEAR <= day.year <= LAST_YEAR:
                return day
            raise ValueError(f"should be a day of the years {FIRST_YEAR} to {LAST_YEAR}")
    raise ValueError("should be a day that exists, such as 2026-12-24")

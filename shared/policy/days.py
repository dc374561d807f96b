"""Days of the calendar as texts: `2026-12-24`."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

DAY_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
"""The form of a day, for schemas."""
_FORM = re.compile(DAY_PATTERN)


def parse_day(text: str) -> date:
    """Return the day; raises `ValueError`, with a message for people, when the text is none."""
    if _FORM.match(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError("should be a day that exists, such as 2026-12-24")

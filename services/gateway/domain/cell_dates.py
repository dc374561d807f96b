"""Dates in the cells of a table, read as their column shows that they are written. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

DayOrder = Literal["day first", "month first"]

_NUMERIC_DATE = re.compile(
    r"(?P<a>\d{1,4})[./-](?P<b>\d{1,2})[./-](?P<c>\d{2,4})"
    r"(?:[ T,]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:\.\d+)?)? ?(?P<half>[AaPp][Mm])?)? ?"
    r"(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


def day_order(values: Iterable[str], separator: str) -> DayOrder | None:
    """Return whether dates such as 3/4/2026 begin with the day or the month, None when nothing shows it.

    A number over 12 shows it, points between the numbers do, and semicolons between the cells: they are
    written where dates begin with the day.
    """
    has_point = False
    for value in values:
        found = _NUMERIC_DATE.fullmatch(value.strip())
        if found and len(found["a"]) < 3:
            if int(found["a"]) > 12:
                return "day first"
            if int(found["b"]) > 12:
                return "month first"
            has_point = has_point or "." in value[: found.end("c")]
    return "day first" if has_point or separator == ";" else None


def rfc3339_of(text: str, order: DayOrder | None) -> str | None:
    """Return a time as RFC 3339, in UTC unless it has an offset; None for text that is no clear time."""
    found = _NUMERIC_DATE.fullmatch(text)
    if found is None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    part: Mapping[str, str | None] = found.groupdict()
    numbers = int(found["a"]), int(found["b"]), int(found["c"])
    if len(found["a"]) == 4:
        year, month, day = numbers
    elif order == "month first":
        month, day, year = numbers
    elif order == "day first":
        day, month, year = numbers
    else:
        return None
    hour = int(part["h"] or 0)
    if part["half"]:
        hour = hour % 12 + (12 if part["half"].lower() == "pm" else 0)
    try:
        at = datetime(
            year + 2000 if year < 100 else year,
            month,
            day,
            hour,
            int(part["m"] or 0),
            int(part["s"] or 0),
            0,
            UTC,
        )
    except ValueError:
        return None
    zone = (part["zone"] or "").removeprefix("UTC").removeprefix("Z")
    text = at.isoformat().removesuffix("+00:00")
    return f"{text}{zone[:3]}:{zone[-2:]}" if zone else f"{text}+00:00"

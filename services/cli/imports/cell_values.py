"""Cells of a table as values of a form: dates and numbers are read as their file writes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct

from services.gateway.domain.form_fields import EMAIL, form_fields, persons_email
from services.gateway.domain.form_values import FIELDS_MAX
from services.gateway.domain.sources import HookSource

DayOrder = Literal["day first", "month first"]

_TIMES: Final = frozenset({"source.submitted_at", "consent.at"})
_NUMBERS: Final = frozenset({"company.employees", "company.revenue_usd"})
_LINKEDIN_PERSON = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/", re.IGNORECASE)
_FRACTION = re.compile(r"(\d(?:[\d.,'\u2019 \u00a0]*\d)?)[.,]\d{1,2}", re.ASCII)
_NUMERIC_DATE = re.compile(
    r"(?P<a>\d{1,4})[./-](?P<b>\d{1,2})[./-](?P<c>\d{2,4})"
    r"(?:[ T,]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:\.\d+)?)? ?(?P<half>[AaPp][Mm])?)? ?"
    r"(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


class ColumnReading(Struct, frozen=True):
    """How the cells of one column are read. `field` is None for a column that becomes an answer."""

    label: str
    field: str | None
    day_order: DayOrder | None = None
    is_ignored: bool = False


def read_columns(
    columns: Sequence[str],
    sample: Iterable[Sequence[str]],
    separator: str,
    source: HookSource,
    *,
    ignored: Collection[str] = (),
) -> list[ColumnReading]:
    """Return how each column is read, as its heading and some of its rows show; `ignored` are headings."""
    rows = list(sample)
    values_of = [
        [row[index] for row in rows if index < len(row) and row[index].strip()]
        for index in range(len(columns))
    ]
    # LinkedIn's export of connections heads the profile's column with `URL`.
    labels = [
        "linkedin url" if values and all(map(_LINKEDIN_PERSON.match, values)) else label
        for label, values in zip(columns, values_of, strict=True)
    ]
    # A heading means the same above an empty column, of which there is no field in a form.
    given = [(label, values[0] if values else "-") for label, values in zip(labels, values_of, strict=True)]
    fields = form_fields(given, source)
    email = persons_email(fields)
    return [
        ColumnReading(
            label,
            EMAIL if email is not None and index == email[0] else field.stands_for,
            day_order(values, separator) if field.stands_for in _TIMES else None,
            columns[index] in ignored,
        )
        for index, (label, field, values) in enumerate(zip(labels, fields, values_of, strict=True))
    ]


def form_pairs(readings: Sequence[ColumnReading], cells: Sequence[str]) -> list[tuple[str, str]]:
    """Return the labels and values of a row, without empty cells, ready to be read as a form.

    Of a row with more than a form may have, the last of those are left out that no field is known for.
    """
    pairs: list[tuple[str, str]] = []
    known: list[bool] = []
    for reading, cell in zip(readings, cells, strict=False):
        text = cell.strip()
        if not text or reading.is_ignored:
            continue
        if reading.field in _TIMES:
            text = rfc3339_of(text, reading.day_order) or text
        elif reading.field in _NUMBERS:
            text = without_fraction(text)
        pairs.append((reading.label, text))
        known.append(reading.field is not None)
    if len(pairs) > FIELDS_MAX:
        # A CRM's export may have hundreds of columns of its own.
        order = sorted(range(len(pairs)), key=lambda index: not known[index])
        pairs = [pairs[index] for index in sorted(order[:FIELDS_MAX])]
    return pairs


def without_fraction(text: str) -> str:
    """Return a number without its fraction of one or two digits: `120.0`, `1.500,00`; other text as it is."""
    found = _FRACTION.fullmatch(text)
    return found[1] if found else text


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

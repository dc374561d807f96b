"""Cells of a table as values of a form: dates and numbers are read as their file writes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.domain.cell_dates import DayOrder, day_order, rfc3339_of
from services.gateway.domain.form_fields import EMAIL, form_fields, persons_email
from services.gateway.domain.form_values import FIELDS_MAX
from services.gateway.domain.sources import HookSource

_TIMES: Final = frozenset({"source.submitted_at", "consent.at"})
_NUMBERS: Final = frozenset({"company.employees", "company.revenue_usd"})
_LINKEDIN_PERSON = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/", re.IGNORECASE)
_FRACTION = re.compile(r"(\d(?:[\d.,'\u2019 \u00a0]*\d)?)[.,]\d{1,2}", re.ASCII)


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

"""Writes rows as CSV for spreadsheets. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as lines of CSV (RFC 4180, UTF-8).

    A cell that a spreadsheet would read as a formula begins with an apostrophe: what people outside typed is
    shown, never computed.
    """
    text = StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in row])
    return text.getvalue().encode()

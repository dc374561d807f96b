"""Rows of an Excel workbook (XLSX), read as a stream, within bounds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from services.cli.imports.errors import FileUnreadable
from services.gateway.domain.csv_table import TableRow

UNPACKED_BYTES_MAX: Final = 1024 * 1024 * 1024
"""The most that all parts of a workbook may unpack to."""
TEXTS_BYTES_MAX: Final = 128 * 1024 * 1024
"""The most that the part with the texts of the cells may unpack to: it is held in memory."""
COLUMNS_MAX: Final = 1_000

_TEXTS: Final = "xl/sharedStrings.xml"


def xlsx_rows(file: Path, sheet: str | None) -> Iterator[TableRow]:
    """Yield the rows of a sheet as text; of the first visible sheet unless one is named.

    Dates are RFC 3339 in UTC, whole numbers have no fraction, error values are empty.
    Raises `FileUnreadable`.
    """
    try:
        with ZipFile(file) as archive:
            # A part never unpacks to more than its entry says: `zipfile` stops there.
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        if sum(sizes.values()) > UNPACKED_BYTES_MAX or sizes.get(_TEXTS, 0) > TEXTS_BYTES_MAX:
            raise FileUnreadable(
                f"{file}: the workbook unpacks to more than is allowed; save it as CSV, or in several parts"
            )
        # By its content: openpyxl refuses a path with another suffix.
        with file.open("rb") as content, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that do not matter here
            workbook = load_workbook(content, read_only=True, data_only=True)
            with closing(workbook):
                visible = [found for found in workbook.worksheets if found.sheet_state == "visible"]
                names = [found.title for found in workbook.worksheets]
                if sheet is not None and sheet not in names:
                    raise FileUnreadable(f"{file}: there is no sheet {sheet!r}; there are {', '.join(names)}")
                chosen = workbook[sheet] if sheet is not None else (visible or workbook.worksheets)[0]
                chosen.reset_dimensions()  # what the file says of its own size need not be true
                rows = chosen.iter_rows(max_col=COLUMNS_MAX, values_only=True)
                for number, cells in enumerate(rows, 1):
                    yield TableRow(number, [text_of_cell(cell) for cell in cells])
    except (BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError, IndexError) as error:
        raise FileUnreadable(f"{file}: this is not an Excel workbook: {error}") from error


def text_of_cell(cell: Any) -> str:
    """Return the value of a cell as a form would have it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=UTC)).isoformat()
    if isinstance(cell, date):
        return datetime.combine(cell, time(), UTC).isoformat()
    text = str(cell)
    return "" if text.startswith("#") and text in _ERRORS else text


_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})

"""A file to import, whatever its format: CSV, Excel workbook (XLSX), JSON lines or a JSON array.

The format follows from the content, not from the name. Rows are read one by one, so that memory does not grow
with the file.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import SEEK_END
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from services.cli.imports.errors import FileUnreadable
from services.cli.imports.json_rows import JsonRow, json_rows
from services.cli.imports.xlsx_rows import xlsx_rows
from services.gateway.domain.csv_table import TableRow, UnreadableRow, read_csv_table, table_of
from services.gateway.domain.text_encoding import marked_encoding, text_lines

ImportRow = TableRow | JsonRow | UnreadableRow
Format = Literal["csv", "xlsx", "json"]

_OTHER_FORMATS: Final = (
    (b"\xd0\xcf\x11\xe0", "this is an old (.xls) or encrypted workbook; save it as .xlsx without a password"),
    (b"%pdf", "this is a PDF"),
    (b"\x1f\x8b", "this is compressed; unpack it first"),
    (b"<html", "this is a web page; save it as CSV or .xlsx"),
    (b"<!doctype", "this is a web page; save it as CSV or .xlsx"),
    (b"<?xml", "this is XML; save it as CSV or .xlsx"),
)


class OpenedFile(Struct, frozen=True):
    """The rows of a file, and of a table its columns. JSON has objects in place of rows, and no columns.

    `position` returns how many of the `size` bytes have been read; a workbook does not say (None).
    """

    format: Format
    columns: Sequence[str]
    rows: Iterator[ImportRow]
    size: int
    position: Callable[[], int] | None = None
    separator: str = ""


class ReadRow(Struct, frozen=True):
    """One row: its body as JSON, or the `problem` with it. `row` is the row itself."""

    line: int
    row: ImportRow
    body: bytes = b""
    problem: str = ""


@contextmanager
def opened_file(
    file: Path,
    known_columns: Callable[[Sequence[str]], int],
    *,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Iterator[OpenedFile]:
    """Open a file. `known_columns` returns how many cells of a row are known headings.

    Raises `FileUnreadable`, also while the rows are read.
    """
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError as error:
        raise FileUnreadable(str(error)) from error
    try:
        with file.open("rb") as raw:
            begin, size = raw.read(512), raw.seek(0, SEEK_END)
            raw.seek(0)
            if begin.startswith(b"PK\x03\x04"):
                table = table_of(iter(xlsx_rows(file, sheet)), known_columns)
                kind: Format = "xlsx"
            else:
                text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
                for mark, reason in _OTHER_FORMATS:
                    if text[: len(mark)].lower() == mark:
                        raise FileUnreadable(f"{file}: {reason}")
                if b"\0" in begin and not (encoding or marked_encoding(raw)):
                    raise FileUnreadable(f"{file}: this is not a text file")
                if text[:1] in (b"[", b"{"):
                    yield OpenedFile("json", (), json_rows(raw, encoding), size, raw.tell)
                    return
                table = read_csv_table(text_lines(raw, encoding), known_columns)
                kind = "csv"
            if table is None:
                raise FileUnreadable(f"{file}: the file is empty")
            position = None if kind == "xlsx" else raw.tell
            yield OpenedFile(kind, table.columns, table.rows, size, position, table.separator)
    except OSError as error:
        raise FileUnreadable(f"{file}: {error.strerror or error}") from error

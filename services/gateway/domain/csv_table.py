"""Tables in CSV as spreadsheets and CRMs write them: any separator, titles above the header. Pure.

Each record stands by itself. One that cannot be read is reported with the number of its line, and the reading
goes on in the next line.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from msgspec import Struct

SEPARATORS: Final = (",", ";", "\t", "|")
HEADER_WITHIN: Final = 10
"""How many rows at the beginning are searched for the header."""

_DECLARED_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""A first line of Excel's."""
_RECORD_LINES_MAX: Final = 200
_RECORD_LENGTH_MAX: Final = 1024 * 1024


class TableRow(Struct, frozen=True):
    """One row of a table. `line` is the line of the file in which it begins, counted from 1."""

    line: int
    cells: Sequence[str]


class UnreadableRow(Struct, frozen=True):
    """A row that cannot be read, and why."""

    line: int
    problem: str


class Table(Struct, frozen=True):
    """The columns of a table, as they are headed, and its rows, which have at most as many cells."""

    columns: Sequence[str]
    rows: Iterator[TableRow | UnreadableRow]
    separator: str = ""


def read_csv_table(lines: Iterator[str], known_columns: Callable[[Sequence[str]], int]) -> Table | None:
    """Return the table in the lines of a CSV file, None when they are all blank.

    `known_columns` returns how many cells of a row are headings that the reader knows: the separator and the
    header are chosen by it.
    """
    numbered = enumerate(lines, 1)
    begin: list[tuple[int, str]] = []
    for number, line in numbered:
        line = line.removeprefix("\ufeff")  # noqa: PLW2901
        if begin or line.strip():
            begin.append((number, line))
        if len(begin) == HEADER_WITHIN:
            break
    separator = ""
    declared = _DECLARED_SEPARATOR.fullmatch(begin[0][1].strip("\r\n")) if begin else None
    if declared:
        separator = declared[1]
        del begin[0]
    if not begin:
        return None
    separator = separator or sniffed_separator([line for _, line in begin], known_columns)
    return table_of(_records(chain(begin, numbered), separator), known_columns, separator)


def table_of(
    rows: Iterator[TableRow | UnreadableRow],
    known_columns: Callable[[Sequence[str]], int],
    separator: str = "",
) -> Table | None:
    """Return a table whose header is the first row, or one of the next with more known headings.

    Above the header there may be a title or notes, as in LinkedIn's exports. None when there is no row.
    """
    begin = list(
        islice((row for row in rows if isinstance(row, UnreadableRow) or any(row.cells)), HEADER_WITHIN)
    )
    candidates = [
        (known_columns(row.cells), -index) for index, row in enumerate(begin) if isinstance(row, TableRow)
    ]
    if not candidates:
        return None
    known, negative_index = max(candidates)
    index = (
        -negative_index if known > 1 else next(i for i, row in enumerate(begin) if isinstance(row, TableRow))
    )
    header = begin[index]
    assert isinstance(header, TableRow)  # noqa: S101 - chosen among these
    cells = [cell.strip() for cell in header.cells]
    while cells and not cells[-1]:
        cells.pop()
    columns = [name or f"column {number}" for number, name in enumerate(cells, 1)]
    return Table(columns, _fitted(chain(begin[index + 1 :], rows), len(columns)), separator)


def _fitted(rows: Iterator[TableRow | UnreadableRow], width: int) -> Iterator[TableRow | UnreadableRow]:
    """Yield the rows without blank ones and without empty cells beyond the columns."""
    for row in rows:
        if isinstance(row, UnreadableRow):
            yield row
        elif any(cell.strip() for cell in row.cells[width:]):
            used = max(index for index, cell in enumerate(row.cells, 1) if cell.strip())
            yield UnreadableRow(row.line, f"the row has {used} cells, the header has {width}")
        elif any(cell.strip() for cell in row.cells):
            yield TableRow(row.line, row.cells[:width])


def sniffed_separator(lines: Sequence[str], known_columns: Callable[[Sequence[str]], int]) -> str:
    """Return the separator with which most headings are known; of equals the one that gives most cells."""

    def score(separator: str) -> tuple[int, int]:
        rows = [
            row.cells
            for row in _records(enumerate(lines, 1), separator)
            if isinstance(row, TableRow)
        ]  # fmt: skip
        return max(map(known_columns, rows), default=0), len(rows[0]) if rows else 0

    return max(SEPARATORS, key=score)


def _records(numbered: Iterator[tuple[int, str]], separator: str) -> Iterator[TableRow | UnreadableRow]:
    """Yield the records. After a broken one reading goes on in the line after the one in which it begins."""
    ahead: deque[tuple[int, str]] = deque()
    while True:
        taken: list[tuple[int, str]] = []
        reader = csv.reader(_record_lines(ahead, numbered, taken), delimiter=separator, strict=True)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            ahead.extendleft(reversed(taken[1:]))
            problem = str(error)
            if len(taken) > 1 or problem == "unexpected end of data":
                problem = "a quotation mark is not closed"
            elif "expected after" in problem:
                problem = "a quotation mark stands within a quoted cell; it has to be doubled"
            yield UnreadableRow(taken[0][0], problem)
        else:
            yield TableRow(taken[0][0], cells)


def _record_lines(
    ahead: deque[tuple[int, str]], numbered: Iterator[tuple[int, str]], taken: list[tuple[int, str]]
) -> Iterator[str]:
    """Yield lines to the reader of one record, which takes as many as it needs, and note them in `taken`."""
    length = 0
    while len(taken) < _RECORD_LINES_MAX and length < _RECORD_LENGTH_MAX:
        line = ahead.popleft() if ahead else next(numbered, None)
        if line is None:
            return
        taken.append(line)
        length += len(line[1])
        yield line[1]

"""The rows that were not accepted, in a CSV file that can be corrected and imported again."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from services.cli.imports.errors import FileUnreadable
from services.cli.imports.import_file import ImportRow
from services.cli.imports.json_rows import JsonRow
from services.gateway.domain.csv_table import TableRow

PROBLEM_COLUMNS: Final = ("Baton line", "Baton problem")
"""The columns before those of the imported file; an import ignores them."""


class ErrorsFile:
    """A context in which problems are written. The first one makes the file, in place of an older one."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.count = 0
        self._columns = columns
        self._file: TextIOWrapper | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, row: ImportRow, problem: str) -> None:
        """Write the row with its line and the problem. Raises `FileUnreadable` when it cannot be written."""
        if isinstance(row, TableRow):
            cells = list(row.cells)
        else:
            cells = [msgspec.json.encode(row.body).decode()] if isinstance(row, JsonRow) else []
        try:
            if self._file is None:
                # With a byte order mark: Excel takes other UTF-8 for its local encoding.
                self._file = self.path.open("w", encoding="utf-8-sig", newline="", errors="replace")
                self._writer = csv.writer(self._file)
                self._writer.writerow([*PROBLEM_COLUMNS, *self._columns])
            self._writer.writerow([row.line, " ".join(problem.split()), *cells])
        except OSError as error:
            raise FileUnreadable(f"{self.path}: {error.strerror or error}") from error
        self.count += 1

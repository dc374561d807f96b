"""Rows of a file as bodies of `POST /v1/outcomes`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

import msgspec

from services.cli.imports.errors import FileUnreadable
from services.cli.imports.errors_file import PROBLEM_COLUMNS
from services.cli.imports.import_file import ImportRow, OpenedFile, ReadRow
from services.cli.imports.json_rows import JsonRow
from services.cli.imports.lead_rows import SAMPLE_ROWS
from services.gateway.domain.csv_table import TableRow
from services.gateway.domain.outcome_table import (
    FIELDS,
    OutcomeColumns,
    named_outcome,
    outcome_columns,
    outcome_fields,
)
from shared.errors import Reject


def read_outcomes(
    opened: OpenedFile, currency: str | None = None
) -> tuple[OutcomeColumns, Iterator[ReadRow]]:
    """Return which column of a file is which field, and its rows as outcomes.

    `currency` is that of amounts that name none. Raises `FileUnreadable` for a table whose columns are no
    outcomes'.
    """
    sample = list(islice(opened.rows, SAMPLE_ROWS))
    cells = [row.cells for row in sample if isinstance(row, TableRow)]
    # What a former import said of a row is no part of its outcome.
    headings = ["" if heading in PROBLEM_COLUMNS else heading for heading in opened.columns]
    try:
        columns = outcome_columns(headings, cells, opened.separator) if headings else OutcomeColumns(())
    except Reject as reject:
        raise FileUnreadable("; ".join(error.detail for error in reject.errors)) from reject
    return columns, (_read_row(row, columns, currency) for row in chain(sample, opened.rows))


def _read_row(row: ImportRow, columns: OutcomeColumns, currency: str | None) -> ReadRow:
    try:
        if not isinstance(row, JsonRow):
            fields = outcome_fields(row, columns, currency)
        elif "type" in row.body and set(row.body) <= set(FIELDS):  # as the API takes it
            fields = named_outcome(row.body)
        else:
            cells = ["" if value is None else str(value) for value in row.body.values()]
            fields = outcome_fields(
                TableRow(row.line, cells), outcome_columns(list(row.body), [cells]), currency
            )
        return ReadRow(row.line, row, msgspec.json.encode(fields))
    except Reject as reject:
        problem = "; ".join(
            f"{error.pointer.removeprefix('/')}: {error.detail}" if error.pointer else error.detail
            for error in reject.errors
        )
        return ReadRow(row.line, row, problem=problem)
    except (RecursionError, TypeError, ValueError) as error:
        return ReadRow(row.line, row, problem=str(error))

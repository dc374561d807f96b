"""Rows of a file as bodies of `POST /v1/accounts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from services.cli.imports.errors import FileUnreadable
from services.cli.imports.errors_file import PROBLEM_COLUMNS
from services.cli.imports.import_file import ImportRow, OpenedFile, ReadRow
from services.cli.imports.json_rows import JsonRow
from services.gateway.domain.account_table import COLUMNS, AccountColumns, account_columns, account_fields
from services.gateway.domain.csv_table import TableRow
from shared.errors import Reject


def read_accounts(opened: OpenedFile) -> tuple[AccountColumns, Iterator[ReadRow]]:
    """Return which column of a file is which field, and its rows as accounts.

    Raises `FileUnreadable` for a table whose columns are no accounts'.
    """
    try:
        columns = _columns(opened.columns) if opened.columns else AccountColumns((), ())
    except Reject as reject:
        raise FileUnreadable("; ".join(error.detail for error in reject.errors)) from reject
    return columns, (_read_row(row, columns) for row in opened.rows)


def _columns(headings: Sequence[str]) -> AccountColumns:
    """Return the columns without those that a former import added."""
    found = account_columns([heading for heading in headings if heading not in PROBLEM_COLUMNS])
    fields = iter(found.fields)
    return AccountColumns(
        [None if heading in PROBLEM_COLUMNS else next(fields) for heading in headings], found.ignored
    )


def _read_row(row: ImportRow, columns: AccountColumns) -> ReadRow:
    try:
        fields = _json_fields(row.body) if isinstance(row, JsonRow) else account_fields(row, columns)
        return ReadRow(row.line, row, msgspec.json.encode(fields))
    except Reject as reject:
        return ReadRow(row.line, row, problem="; ".join(error.detail for error in reject.errors))
    except (RecursionError, TypeError, ValueError) as error:
        return ReadRow(row.line, row, problem=str(error))


def _json_fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object as the API takes it; one with the headings of a CRM is read as a row."""
    if set(body) <= set(COLUMNS):
        return body
    cells = ["" if value is None else str(value) for value in body.values()]
    return account_fields(TableRow(0, cells), account_columns(list(body)))

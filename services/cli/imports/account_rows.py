"""Rows of a file as bodies of `POST /v1/accounts`."""

from __future__ import annotations

from collections.abc import Iterator

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
    # What a former import said of a row is no part of its account.
    headings = [heading for heading in opened.columns if heading not in PROBLEM_COLUMNS]
    try:
        found = account_columns(headings) if opened.columns else AccountColumns((), ())
    except Reject as reject:
        raise FileUnreadable("; ".join(error.detail for error in reject.errors)) from reject
    fields = iter(found.fields)
    columns = AccountColumns(
        [None if heading in PROBLEM_COLUMNS else next(fields) for heading in opened.columns], found.ignored
    )
    return columns, (_read_row(row, columns) for row in opened.rows)


def _read_row(row: ImportRow, columns: AccountColumns) -> ReadRow:
    try:
        if not isinstance(row, JsonRow):
            fields = account_fields(row, columns)
        elif set(row.body) <= set(COLUMNS):  # as the API takes it
            fields = row.body
        else:
            cells = ["" if value is None else str(value) for value in row.body.values()]
            fields = account_fields(TableRow(row.line, cells), account_columns(list(row.body)))
        return ReadRow(row.line, row, msgspec.json.encode(fields))
    except Reject as reject:
        return ReadRow(row.line, row, problem="; ".join(error.detail for error in reject.errors))
    except (RecursionError, TypeError, ValueError) as error:
        return ReadRow(row.line, row, problem=str(error))

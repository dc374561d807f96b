"""Imports a file: opens it, and shows how it is read or sends it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
import typer
from msgspec import Struct

from services.cli.client import run_with_client
from services.cli.imports.account_rows import read_accounts
from services.cli.imports.errors import FileUnreadable
from services.cli.imports.errors_file import ErrorsFile
from services.cli.imports.import_file import OpenedFile, ReadRow, opened_file
from services.cli.imports.lead_rows import known_headings, read_leads
from services.cli.imports.options import ImportOptions
from services.cli.imports.outcome_rows import read_outcomes
from services.cli.imports.sending import RejectedLine, RowSender
from services.cli.output import echo, print_json, print_table
from services.gateway.domain.account_table import known_account_headings
from services.gateway.domain.outcome_table import known_outcome_headings

ROWS_SHOWN: Final = 5
ROWS_CHECKED: Final = 1_000
_PROBLEMS_PRINTED: Final = 20


class MappedColumn(Struct, frozen=True):
    """The field that a column is read as; None for one that is not mapped."""

    column: str
    field: str | None


class DryRunReport(Struct, frozen=True):
    """How a file would be read: its columns, the first rows as they would be sent, and the first problems.

    `rows` is how many rows were looked at.
    """

    columns: Sequence[MappedColumn]
    unmapped: Sequence[str]
    rows: int
    first_rows: Sequence[Any]
    problems: Sequence[RejectedLine]


def import_leads_file(file: Path, options: ImportOptions) -> None:
    """Import a file of leads. Raises `FileUnreadable`, `Refused`, `Unreachable` and `typer.Exit`."""
    with opened_file(file, known_headings, encoding=options.encoding, sheet=options.sheet) as opened:
        readings, rows = read_leads(opened)
        columns = [
            MappedColumn(reading.label, reading.field) for reading in readings if not reading.is_ignored
        ]
        _run(file, opened, columns, rows, path="/v1/leads", options=options)


def import_accounts_file(file: Path, options: ImportOptions) -> None:
    """Import a file of accounts. Raises `FileUnreadable`, `Refused`, `Unreachable` and `typer.Exit`."""
    with opened_file(file, known_account_headings, encoding=options.encoding, sheet=options.sheet) as opened:
        found, rows = read_accounts(opened)
        columns = [
            MappedColumn(column, field) for column, field in zip(opened.columns, found.fields, strict=False)
        ]
        _run(file, opened, columns, rows, path="/v1/accounts", options=options)


def import_outcomes_file(file: Path, options: ImportOptions, currency: str | None) -> None:
    """Import a file of outcomes; `currency` is that of amounts that name none.

    Raises `FileUnreadable`, `Refused`, `Unreachable` and `typer.Exit`.
    """
    with opened_file(file, known_outcome_headings, encoding=options.encoding, sheet=options.sheet) as opened:
        found, rows = read_outcomes(opened, currency)
        columns = [
            MappedColumn(column, field) for column, field in zip(opened.columns, found.fields, strict=False)
        ]
        _run(file, opened, columns, rows, path="/v1/outcomes", options=options)


def _run(
    file: Path,
    opened: OpenedFile,
    columns: Sequence[MappedColumn],
    rows: Iterator[ReadRow],
    *,
    path: str,
    options: ImportOptions,
) -> None:
    if options.dry_run:
        print_dry_run(columns, rows, as_json=options.as_json)
        return
    errors_path = options.errors_path(file)
    if errors_path.absolute() == file.absolute():
        raise FileUnreadable(f"{errors_path}: the rows with problems need a file of their own")
    show_progress = sys.stderr.isatty() and not options.as_json
    with ErrorsFile(errors_path, opened.columns) as errors:
        result = run_with_client(
            lambda client: RowSender(client, path, errors).send(rows, opened, show_progress=show_progress)
        )
    if options.as_json:
        print_json(result)
    else:
        for rejected in result.problems[:_PROBLEMS_PRINTED]:
            echo(f"{file}:{rejected.line}: {rejected.problem}", err=True)
        if result.rejected > _PROBLEMS_PRINTED:
            echo(f"... and {result.rejected - _PROBLEMS_PRINTED} more", err=True)
        echo(f"{result.accepted} accepted, {result.rejected} not.")
        if result.errors_file:
            echo(f"The rows that were not accepted are in {result.errors_file}", err=True)
    if not result.accepted and not result.rejected:
        raise FileUnreadable(f"{file}: there is no row under the header")
    if result.rejected:
        raise typer.Exit(1)


def print_dry_run(columns: Sequence[MappedColumn], rows: Iterator[ReadRow], *, as_json: bool) -> None:
    """Print how a file would be read. Raises `typer.Exit` (1) when no row can be read."""
    checked = list(islice(rows, ROWS_CHECKED))
    report = DryRunReport(
        columns=columns,
        unmapped=[column.column for column in columns if column.field is None],
        rows=len(checked),
        first_rows=[msgspec.json.decode(row.body) for row in checked if not row.problem][:ROWS_SHOWN],
        problems=[RejectedLine(row.line, row.problem) for row in checked if row.problem],
    )
    if as_json:
        print_json(report)
    else:
        if report.columns:
            print_table(
                [{"column": column.column, "field": column.field or "-"} for column in report.columns],
                {"column": "column", "field": "is read as"},
                empty="",
            )
        for number, row in enumerate(report.first_rows, 1):
            echo(f"\nRow {number}")
            print_json(row)
        for problem in report.problems[:_PROBLEMS_PRINTED]:
            echo(f"line {problem.line}: {problem.problem}", err=True)
        readable = report.rows - len(report.problems)
        echo(f"\n{readable} of the first {report.rows} rows can be read. Nothing was sent.")
    if not report.first_rows:
        raise typer.Exit(1)

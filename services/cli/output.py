"""Output of the commands: tables, or JSON with `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

_WIDTH_WITHOUT_TERMINAL = 1_000

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
    """Print a line for every row, or the text `empty`; `columns` maps a row's key to its heading."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(cell_text(row.get(name)) for name in columns))
    console = Console()
    if not console.is_terminal:  # in a pipe no cell is folded, so that grep and awk see one line per row
        console = Console(width=_WIDTH_WITHOUT_TERMINAL)
    console.print(table)


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str, as_json: bool
) -> None:
    """Print rows as JSON with all keys, or as a table of the given columns."""
    if as_json:
        print_json(rows)
    else:
        print_table(rows, columns, empty=empty)


def print_result(value: Any, text: str, *, as_json: bool) -> None:
    """Print a value as JSON, or its text form."""
    if as_json:
        print_json(value)
    else:
        typer.echo(text)


def cell_text(value: Any) -> str:
    """Return a value as the text of a table cell."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)

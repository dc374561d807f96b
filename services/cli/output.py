"""Output of the commands: tables, or JSON with `--json`.

Whatever is printed goes through here: control sequences that came in with a form must not reach the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer

from shared.printable import printable, printable_json, printable_line

_WIDTH_WITHOUT_TERMINAL = 1_000

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def echo(text: str, *, err: bool = False) -> None:
    """Print a text, to standard error with `err`; control characters in it are shown, not obeyed."""
    typer.echo(printable(text), err=err)


def json_text(value: Any, *, indent: int = 0) -> str:
    """Return a value as JSON without control characters; `indent` of 0 gives one line."""
    encoded = msgspec.json.encode(value)
    return printable_json((msgspec.json.format(encoded, indent=indent) if indent else encoded).decode())


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(json_text(value, indent=2))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
    """Print a line for every row, or the text `empty`; `columns` maps a row's key to its heading."""
    if not rows:
        echo(empty)
        return
    from rich.table import Table
    from rich.text import Text

    from services.cli.safe_console import SafeConsole

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell_text(row.get(name))) for name in columns))
    console = SafeConsole()
    if not console.is_terminal:  # in a pipe no cell is folded, so that grep and awk see one line per row
        console = SafeConsole(width=_WIDTH_WITHOUT_TERMINAL)
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
        echo(text)


def cell_text(value: Any) -> str:
    """Return a value as the text of a table cell, in one line."""
    if value is None:
        return "-"
    return printable_line(", ".join(map(str, value)) if isinstance(value, list) else str(value))

"""Arguments and options of the commands that import a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

ImportPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV, .xlsx, JSON lines or a JSON array.", dir_okay=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show how the file is read, and send nothing.")]
ErrorsPath = Annotated[
    Path | None,
    typer.Option(
        "--errors",
        metavar="FILE",
        help="Where rows that are not accepted go, as CSV to correct and import. Default: NAME.errors.csv "
        "beside the file.",
        dir_okay=False,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The encoding of the text, such as cp1250, if guessed wrongly."),
]
Sheet = Annotated[
    str | None, typer.Option(metavar="NAME", help="The sheet of a workbook. Default: the first.")
]


class ImportOptions(Struct, frozen=True):
    """What the command line says besides the file. `errors` is None for the default path."""

    dry_run: bool = False
    errors: Path | None = None
    encoding: str | None = None
    sheet: str | None = None
    as_json: bool = False

    def errors_path(self, file: Path) -> Path:
        """Return where the rows with problems of `file` go."""
        return self.errors or file.with_name(f"{file.stem}.errors.csv")

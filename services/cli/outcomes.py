"""`baton outcomes`: import of what came of leads from a file."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.imports.options import DryRun, Encoding, ErrorsPath, ImportOptions, ImportPath, Sheet
from services.cli.output import AsJson

app = typer.Typer(
    help="Import what came of leads: meetings, opportunities, won and lost.", no_args_is_help=True
)


@app.callback()
def outcomes() -> None:
    """Import what came of leads."""


@app.command("import")
def import_outcomes(
    file: ImportPath,
    *,
    currency: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="The currency of amounts that name none, such as USD."),
    ] = None,
    dry_run: DryRun = False,
    errors: ErrorsPath = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: AsJson = False,
) -> None:
    """Record the outcomes in a file, such as a CRM's opportunities; exit code 1 if a row is not accepted.

    CSV with any separator and encoding, Excel workbooks (.xlsx), JSON lines or a JSON array. Columns with the
    lead's e-mail address or id and with a stage or type are needed. A repeated row changes nothing.
    """
    from services.cli.imports.run import import_outcomes_file

    import_outcomes_file(file, ImportOptions(dry_run, errors, encoding, sheet, as_json), currency)

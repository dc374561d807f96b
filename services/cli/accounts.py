"""`baton accounts`: import of account knowledge from a file."""

from __future__ import annotations

import typer

from services.cli.imports.options import DryRun, Encoding, ErrorsPath, ImportOptions, ImportPath, Sheet
from services.cli.output import AsJson

app = typer.Typer(help="Import what is known of accounts.", no_args_is_help=True)


@app.callback()
def accounts() -> None:
    """Import what is known of accounts."""


@app.command("import")
def import_accounts(
    file: ImportPath,
    *,
    dry_run: DryRun = False,
    errors: ErrorsPath = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: AsJson = False,
) -> None:
    """Replace what is known of the accounts in a file; exit code 1 if a row is not accepted.

    CSV with any separator and encoding, Excel workbooks (.xlsx), JSON lines or a JSON array. A column domain
    (or website) is needed. Columns of the CRM's own are ignored, misspelt ones are refused.
    """
    from services.cli.imports.run import import_accounts_file

    import_accounts_file(file, ImportOptions(dry_run, errors, encoding, sheet, as_json))

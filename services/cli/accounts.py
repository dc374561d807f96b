"""`baton accounts`: import of account knowledge from a file, and the account that a company is matched to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from services.cli.client import request
from services.cli.imports.options import DryRun, Encoding, ErrorsPath, ImportOptions, ImportPath, Sheet
from services.cli.output import AsJson, echo, print_json, print_table

app = typer.Typer(
    help="Import what is known of accounts, and try how leads are matched.", no_args_is_help=True
)


@app.callback()
def accounts() -> None:
    """Import what is known of accounts, and try how leads are matched."""


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


@app.command("match")
def match_account(
    name: Annotated[str | None, typer.Argument(help="The name of the company.")] = None,
    *,
    domain: Annotated[str | None, typer.Option(help="The company's domain.")] = None,
    email: Annotated[str | None, typer.Option(help="The person's e-mail address.")] = None,
    country: Annotated[str | None, typer.Option(help="The company's country.")] = None,
    city: Annotated[str | None, typer.Option(help="The company's city.")] = None,
    postcode: Annotated[str | None, typer.Option(help="The company's postcode.")] = None,
    phone: Annotated[str | None, typer.Option(help="A phone number of the company.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which account a lead would be matched to, and the candidates with their scores; store nothing."""
    given = {
        "name": name,
        "domain": domain,
        "country": country,
        "city": city,
        "postcode": postcode,
        "phone": phone,
    }
    body = {"company": {field: text for field, text in given.items() if text}, "email": email}
    matching = request("POST", "/v1/accounts/match", body=body)
    if as_json:
        print_json(matching)
    else:
        echo_matching(matching)


def echo_matching(matching: Mapping[str, Any]) -> None:
    """Print the account of a lead, how it was found, and the candidates."""
    score = f", {matching['score']} of 100" if matching["score"] is not None else ""
    account = matching["account"] or "No account but its own"
    echo(f"{account} (by {matching['by']}{score})" if matching["by"] != "none" else account)
    if matching["tie_break"]:
        echo(f"  {matching['tie_break']}")
    if matching["candidates"]:
        rows = [one | {"with": ", ".join(one.get("facts") or ())} for one in matching["candidates"]]
        columns = {
            "account": "account",
            "name": "name",
            "score": "score",
            "name_score": "name score",
            "with": "agrees",
            "rejected": "why not",
        }
        print_table(rows, columns, empty="")

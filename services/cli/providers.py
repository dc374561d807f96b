"""`baton providers`: what data vendors were asked, found and cost."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import request
from services.cli.output import AsJson, print_rows

app = typer.Typer(help="Providers of data.", no_args_is_help=True)

_COLUMNS = {
    "name": "provider",
    "calls": "asked",
    "matches": "found",
    "cost": "cents",
    "answers_kept": "kept",
    "fields": "fields",
}


@app.callback()
def _providers() -> None:
    """Keep `report` a subcommand: Typer makes a single command the noun itself otherwise."""


@app.command()
def report(
    days: Annotated[int, typer.Option(help="How many days back.", min=1, max=366)] = 30,
    as_json: AsJson = False,
) -> None:
    """Show what each provider was asked, found and cost."""
    usage = request("GET", "/v1/providers", query={"days": str(days)})["data"]
    print_rows(usage, _COLUMNS, empty="No providers.", as_json=as_json)

"""`baton providers`: calls, matches and cost of each data provider."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import request
from services.cli.output import AsJson, print_rows

app = typer.Typer(help="Report on data providers.", no_args_is_help=True)

_COLUMNS = {
    "name": "provider",
    "calls": "calls",
    "matches": "matches",
    "cost": "cents",
    "answers_kept": "cached",
    "fields": "fields",
}


@app.callback()
def _providers() -> None:
    """Keep `report` a subcommand: Typer makes a single command the noun itself otherwise."""


@app.command()
def report(
    days: Annotated[int, typer.Option(help="Number of days to report on.", min=1, max=366)] = 30,
    as_json: AsJson = False,
) -> None:
    """Show calls, matches and cost of each provider."""
    usage = request("GET", "/v1/providers", query={"days": str(days)})["data"]
    print_rows(usage, _COLUMNS, empty="No providers.", as_json=as_json)

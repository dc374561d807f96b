"""`baton providers`: state, calls, matches and cost of each data provider."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from services.cli.client import request
from services.cli.output import AsJson, echo, print_json, print_table

app = typer.Typer(help="Report on data providers.", no_args_is_help=True)

_COLUMNS: Final = {
    "name": "provider",
    "state": "state",
    "since": "since",
    "calls": "calls",
    "hit_rate": "hits",
    "unchanged_share": "changed nothing",
    "cost": "cents",
    "cost_today": "today",
    "answers_kept": "cached",
}
_FIELD_COLUMNS: Final = {"name": "provider", "field": "field", "cents": "cents"}


@app.callback()
def _providers() -> None:
    """Keep `report` a subcommand: Typer makes a single command the noun itself otherwise."""


@app.command()
def report(
    days: Annotated[int, typer.Option(help="Number of days to report on.", min=1, max=366)] = 30,
    as_json: AsJson = False,
) -> None:
    """Show state, calls, matches and cost of each provider, its cost by field, and why it is not asked."""
    providers: list[dict[str, Any]] = request("GET", "/v1/providers", query={"days": str(days)})["data"]
    if as_json:
        print_json(providers)
    else:
        print_providers(providers)


def print_providers(providers: list[dict[str, Any]]) -> None:
    """Print providers as tables: their state and usage, their cost by field, and why one is not asked."""
    shares = ("hit_rate", "unchanged_share")
    rows = [
        one | {name: f"{one[name]:.0%}" for name in shares if isinstance(one.get(name), int | float)}
        for one in providers
    ]
    print_table(rows, _COLUMNS, empty="No providers.")
    costs = [
        {"name": one["name"], "field": field or "(none)", "cents": cents}
        for one in providers
        for field, cents in one.get("cost_by_field", {}).items()
    ]
    if costs:
        echo("")
        print_table(costs, _FIELD_COLUMNS, empty="")
    for one in providers:
        if one.get("reason"):
            echo(f"\n{one['name']} is {one['state']}: {one['reason']}")

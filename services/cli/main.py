"""The `baton` command: assembles the command modules, one per noun.

They are all imported for every command, for `--version` and for each completion in a shell, so a module of a
command imports at its top only what is quick to load; the rest is imported by the functions that use it.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from services.cli import (
    accounts,
    api_keys,
    audit,
    backtest,
    dead_letters,
    deliveries,
    integrations,
    leads,
    listen,
    outcomes,
    policy,
    processes,
    providers,
    report,
    sources,
    subscriptions,
)
from services.cli.errors import Unreachable
from services.cli.output import echo
from shared.errors import BatonError

app = typer.Typer(
    name="baton",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer passes it by position
    from importlib.metadata import version

    if asked:
        echo(f"baton {version('baton')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Routes inbound B2B leads from form to seller, and explains every decision."""


for command in (
    processes.up,
    processes.demo,
    processes.serve,
    processes.migrate,
    listen.listen,
    backtest.backtest,
    leads.timeline,
    leads.explain,
):
    app.command()(command)
for noun, commands in (
    ("leads", leads.app),
    ("accounts", accounts.app),
    ("outcomes", outcomes.app),
    ("providers", providers.app),
    ("report", report.app),
    ("dead-letters", dead_letters.app),
    ("keys", api_keys.app),
    ("audit", audit.app),
    ("subscriptions", subscriptions.app),
    ("deliveries", deliveries.app),
    ("sources", sources.app),
    ("policy", policy.app),
    ("integrations", integrations.app),
):
    app.add_typer(commands, name=noun)


def main() -> None:
    """Run the command; exit code 1: failed, 2: usage, 3: Baton is not reachable."""
    try:
        app()
    except Unreachable as error:
        _exit_with(3, str(error))
    except BatonError as error:
        _exit_with(1, str(error))


def _exit_with(code: int, message: str) -> None:
    for line in message.splitlines():
        echo(f"baton: {line}", err=True)
    sys.exit(code)

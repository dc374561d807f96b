"""`baton up`, `demo`, `serve` and `migrate`: the commands that are Baton, rather than speak to it."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.output import AsJson, print_json
from services.cli.roles import Part, Role


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(up)
    app.command()(demo)
    app.command()(serve)
    app.command()(migrate)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Feed the demo leads, and show who got them.")] = False,
) -> None:
    """Run every role in one process, with its data in BATON_DATA_DIR (./.baton)."""
    from services.cli import standalone as alone

    alone.up(with_demo=demo)


def demo(
    only: Annotated[str, typer.Option(help="Only the leads whose case has this in its name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Walk the golden leads on a temporary data directory and free ports; exit 1 when one does not hold."""
    from services.cli import standalone as alone

    if not alone.demo(only, as_json=as_json):
        raise typer.Exit(1)


def serve(
    role: Annotated[Role, typer.Argument(help="Which role.")],
    only: Annotated[
        Part | None, typer.Option(help="Router: only its deciding or only its delivering half.")
    ] = None,
) -> None:
    """Run one role as a process of its own, on the stream and the database that the environment names."""
    if only is not None and role is not Role.ROUTER:
        raise typer.BadParameter("--only is for the router", param_hint="--only")
    from services.cli import serve as running

    running.serve(role, only)


def migrate(as_json: AsJson = False) -> None:
    """Bring the tables up to date, make missing topics, and write missing secrets."""
    from services.cli import serve as running

    running.migrate()
    if as_json:
        print_json({"up_to_date": True})
    else:
        typer.echo("The tables are up to date.")

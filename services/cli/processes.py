"""`baton up`, `demo`, `serve` and `migrate`: the commands that run Baton in this process.

What they run is imported when they are called, so that the other commands start fast.
"""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.output import AsJson, print_result
from services.cli.roles import Role, RouterHalf


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Feed the demo leads, and show who got them.")] = False,
) -> None:
    """Run every role in one process, with its data in BATON_DATA_DIR (./.baton)."""
    from services.cli.standalone import run_standalone

    run_standalone(with_demo=demo)


def demo(
    only: Annotated[str, typer.Option(help="Only the leads whose case has this in its name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Walk the golden leads on a temporary data directory and free ports; exit 1 when one does not hold."""
    from services.cli.standalone import run_demo

    if not run_demo(only, as_json=as_json):
        raise typer.Exit(1)


def serve(
    role: Annotated[Role, typer.Argument(help="Which role.")],
    only: Annotated[
        RouterHalf | None, typer.Option(help="Router: only its deciding or only its delivering half.")
    ] = None,
) -> None:
    """Run one role as a process of its own, on the stream and the database that the environment names."""
    if only is not None and role is not Role.ROUTER:
        raise typer.BadParameter("--only is for the router", param_hint="--only")
    from services.cli.serve import serve_role

    serve_role(role, only)


def migrate(as_json: AsJson = False) -> None:
    """Bring the tables up to date, make missing topics, and write missing secrets."""
    from services.cli.serve import migrate_tables

    migrate_tables()
    print_result({"up_to_date": True}, "The tables are up to date.", as_json=as_json)

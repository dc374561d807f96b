"""`baton up`, `demo`, `serve` and `migrate`: the commands that run Baton in this process.

What they run is imported when they are called, so that the other commands start fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.output import AsJson, print_json
from services.cli.roles import Role, RouterHalf


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Send the demo leads and print where each is routed.")
    ] = False,
) -> None:
    """Run all roles in one process; data is stored in BATON_DATA_DIR (default: .baton)."""
    from services.cli.standalone import run_standalone

    run_standalone(with_demo=demo)


def demo(
    only: Annotated[str, typer.Option(help="Run only the cases whose name contains this text.")] = "",
    as_json: AsJson = False,
) -> None:
    """Run the demo leads in a temporary data directory; exit code 1 if a route is unexpected."""
    from services.cli.standalone import run_demo

    if not run_demo(only, as_json=as_json):
        raise typer.Exit(1)


def serve(
    role: Annotated[Role, typer.Argument(help="The role to run.")],
    only: Annotated[
        RouterHalf | None,
        typer.Option(help="For the router: run only the routing decisions or only the webhook deliveries."),
    ] = None,
) -> None:
    """Run one role in its own process, on the stream and database set in the environment."""
    if only is not None and role is not Role.ROUTER:
        raise typer.BadParameter("--only is for the router", param_hint="--only")
    from services.cli.serve import serve_role

    serve_role(role, only)


def migrate(
    role_secrets: Annotated[
        Path | None,
        typer.Option(
            help="Also write the secret that roles other than the gateway need to this directory, "
            "without the administrator's key."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Migrate the database, create missing topics, and write missing secrets."""
    from services.cli.serve import migrate_tables

    migrate_tables(role_secrets)
    if as_json:
        print_json({"up_to_date": True})

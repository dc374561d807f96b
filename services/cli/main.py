"""The `baton` command."""

from __future__ import annotations

import sys

import typer

from services.cli import serving
from shared.errors import BatonError
from shared.settings import SettingsError

app = typer.Typer(
    name="baton",
    help="Takes an inbound B2B lead from a form to the right seller, and can always say why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
serving.register(app)


def main() -> None:
    """Run the command; an error that a person can mend is one message on standard error and exit code 1."""
    try:
        app()
    except SettingsError as wrong:
        sys.exit("\n".join(f"baton: {problem}" for problem in wrong.problems))
    except BatonError as error:
        sys.exit(f"baton: {error}")

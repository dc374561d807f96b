"""The `baton` command."""

from __future__ import annotations

import sys

import typer

from services.cli import policy as policies
from services.cli import process_commands as serving
from services.cli import queries as asking
from services.cli import webhooks
from services.cli.errors import Unreachable
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
asking.register(app)
webhooks.register(app)
policies.register(app)


def main() -> None:
    """Run the command; exit code 1: failed, 2: usage, 3: Baton is not reachable."""
    try:
        app()
    except SettingsError as wrong:
        _leave("\n".join(wrong.problems), code=1)
    except Unreachable as error:
        _leave(str(error), code=3)
    except BatonError as error:
        _leave(str(error), code=1)


def _leave(message: str, *, code: int) -> None:
    for line in message.splitlines():
        typer.echo(f"baton: {line}", err=True)
    sys.exit(code)

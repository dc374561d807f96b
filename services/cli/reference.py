"""The reference page of every command: `python -m services.cli.reference` prints it."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from services.cli.main import app

_MADE = "<!-- Made by `python -m services.cli.reference`; do not edit. -->"
_CODES = "Exit codes: 0 done, 1 failed, 2 usage, 3 Baton is not reachable."


def reference() -> str:
    """Return the page, as Markdown."""
    command = get_command(app)
    page = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="baton"), name="baton")
    heading, _, rest = page.strip().partition("\n\n")
    return f"{heading}\n\n{_MADE}\n\n{rest}\n\n{_CODES}\n"


if __name__ == "__main__":
    print(reference(), end="")

"""The demo as a person sees it: a line for each lead, who it is, which way it took, who has it and why."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.cli.client import Client
from services.cli.demo.cases import Case
from services.cli.demo.runner import Played, listening, play

_WIDTH = 150
_ONE_LINE = {"", "lead", "queue", "owner", "webhook"}


async def walk(client: Client, cases: Sequence[Case], stop: asyncio.Event, *, run: str) -> list[Played]:
    """Play the cases one after the other, with a bar on a terminal; ends early at `stop`."""
    played: list[Played] = []
    console = Console(stderr=True)
    async with listening(client) as inbox:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("Demo leads", total=len(cases))
            for case in cases:
                if stop.is_set():
                    break
                played.append(await play(client, inbox, case, run=run))
                progress.advance(bar)
    return played


def print_played(played: Sequence[Played]) -> None:
    """Print who got which lead and why."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for heading in ("", "lead", "path", "queue", "owner", "why", "webhook"):
        table.add_column(heading, overflow="fold", no_wrap=heading in _ONE_LINE)
    for one in played:
        table.add_row(*_row(one))
    _console().print(table)


def _console() -> Console:
    """Return a console as wide as the terminal; into a file or a pipe, wide enough not to fold."""
    return Console() if Console().is_terminal else Console(width=_WIDTH)


def print_differences(played: Sequence[Played]) -> None:
    """Print what did not come out as it must."""
    table = Table(box=None, pad_edge=False, header_style="bold red")
    table.add_column("case")
    table.add_column("difference", overflow="fold")
    for one in played:
        for difference in one.wrong:
            table.add_row(one.case.name, difference)
    _console().print(table)


def print_where_next(url: str, played: Sequence[Played]) -> None:
    """Say where to look now."""
    shown = next((one.view["lead_id"] for one in played if one.view.get("lead_id")), "LEAD")
    Console(highlight=False).print(
        f"\n  baton timeline {shown}   what happened to the first of them, in order"
        f"\n  {url}/openapi.json   everything that can be asked over HTTP"
        f"\n  docs/tutorial.md   the next ten minutes\n"
    )


def _row(one: Played) -> tuple[str, ...]:
    view = one.view
    decision: dict[str, Any] = view.get("decision") or {}
    if one.repeated:
        mark, webhook = "[dim]=[/dim]", "[dim]sent before[/dim]"
    else:
        mark = "[red]x[/red]" if one.wrong else "[green]ok[/green]"
        webhook = "[green]verified[/green]" if one.webhook_verified else "[dim]none[/dim]"
    queue = decision.get("queue") or view.get("status") or "-"
    return mark, _who(view), _path(one), queue, view.get("owner") or "-", _why(decision), webhook


def _who(view: dict[str, Any]) -> str:
    person = view.get("person") or {}
    return str(person.get("email") or view.get("account") or "-")


def _path(one: Played) -> str:
    score = one.view.get("score") or {}
    trigger = one.view.get("trigger") or {}
    sent = " > ".join(step.kind for step in one.case.steps)
    cause = f" ({trigger['type']})" if trigger.get("kind") == "signal" else ""
    return f"{sent}{cause} > {score.get('grade', '-')} {score.get('band', '')}".rstrip()


def _why(decision: dict[str, Any]) -> str:
    reasons = decision.get("reasons") or []
    return str(decision.get("reason") or (reasons[0] if reasons else decision.get("rule", "-")))

"""The demo as a person sees it: a line for each lead, who it is, which way it took, who has it and why."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from services.cli.client import Client
from services.cli.demo.cases import Case
from services.cli.demo.runner import Played, listening, play

_PIPED_WIDTH: Final = 150
_WIDE, _NARROW = 116, 96
"""Terminals as wide as this have room for everything; less wide than that, for the most needed only."""
_QUEUE_STYLES: Final = {"senior-ae": "magenta", "bdr": "blue", "sdr": "cyan", "suppressed": "dim"}


async def walk(client: Client, cases: Sequence[Case], *, run: str) -> AsyncGenerator[Played, None]:
    """Play the cases one after the other, and give each once it is over."""
    async with listening(client) as inbox:
        for case in cases:
            yield await play(client, inbox, case, run=run)


class Board:
    """Prints a line for each lead as soon as it is where it belongs."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        self._began = time.monotonic()
        self.played: list[Played] = []

    async def follow(self, walked: AsyncIterator[Played], cases: Sequence[Case]) -> list[Played]:
        """Print every lead of a walk over the cases; return them all."""
        self._console.print(self._table(header=True))
        waiting = self._console.status("", spinner="dots", spinner_style="dim")
        with waiting:
            for case in cases:
                waiting.update(f"[dim]{escape(case.name)}[/dim]")
                one = await anext(walked)
                self.played.append(one)
                table = self._table(header=False)
                table.add_row(*_row(one, self._mark(one), wide=self._wide))
                self._console.print(table)
        self._console.print(f"\n{self._summary()}")
        return self.played

    @property
    def _wide(self) -> bool:
        return self._console.width >= _WIDE

    def _table(self, *, header: bool) -> Table:
        """Return a table of one line: all are as wide, so that they stand below each other."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=header)
        who, path = (31, 20) if self._wide else (27, 16) if self._console.width >= _NARROW else (21, 9)
        widths = {"": 1, "lead": who, "path": path, "queue": 10, "owner": 5, "webhook": 8, "why": None}
        taken = sum(width + 2 for width in widths.values() if width)
        for heading, width in widths.items():
            room = max(8, self._console.width - taken) if width is None else width
            table.add_column(heading, width=room, no_wrap=True, overflow="ellipsis")
        return table

    def _mark(self, one: Played) -> Text:
        if one.repeated:
            return Text("=", style="dim")
        plain = self._console.options.ascii_only
        if one.wrong:
            return Text("x" if plain else "✗", style="bold red")
        return Text("+" if plain else "✓", style="green")

    def _summary(self) -> str:
        sent = [one for one in self.played if not one.repeated]
        statuses = sorted(str(one.view.get("status", "unknown")) for one in self.played)
        counts = ", ".join(f"{len(list(same))} {status}" for status, same in groupby(statuses))
        if not sent:
            return f"{len(self.played)} demo leads are here from before ({counts}); nothing was sent."
        webhooks = sum(one.seen.webhooks for one in sent)
        took = time.monotonic() - self._began
        return f"{len(self.played)} leads: {counts}; {webhooks} webhooks verified; {took:.0f} s."


def print_differences(played: Sequence[Played]) -> None:
    """Print what did not come out as it must."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold red")
    table.add_column("case", overflow="fold", ratio=1)
    table.add_column("difference", overflow="fold", ratio=1)
    for one in played:
        for difference in one.wrong:
            table.add_row(escape(one.case.name), escape(difference))
    _console().print(table)


def print_where_next(url: str, played: Sequence[Played]) -> None:
    """Say what to try now, with the first of the leads."""
    baton = _program()
    console = Console(highlight=False, soft_wrap=True)
    if any(one.wrong for one in played):
        console.print(
            f"A ✗ went elsewhere than the default policy sends it: `{baton} demo` tells the difference."
        )
    shown = next((one.view["lead_id"] for one in played if one.view.get("lead_id")), None)
    if shown is not None:
        lines = {
            f"{baton} explain {shown}": "why the first of them is where it is",
            f"{baton} timeline {shown}": "what happened to it, in order",
            f"curl -d email=you@yours.example {url}/hooks/forms/website": "one more",
        }
        room = max(map(len, lines))
        console.print()
        for command, meaning in lines.items():
            console.print(f"  {command:<{room}}  [dim]{meaning}[/dim]")
        console.print()


def _program() -> str:
    """Return how `baton` is called from here: `make` puts it into a folder that is on nobody's path."""
    program = Path(sys.argv[0])
    inside = program.name == "baton" and program.is_relative_to(Path.cwd())
    return str(program.relative_to(Path.cwd())) if inside else "baton"


def _console() -> Console:
    """Return a console as wide as the terminal; into a file or a pipe, wide enough for every line."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)


def _row(one: Played, mark: Text, *, wide: bool) -> tuple[Text, ...]:
    view = one.view
    decision: Mapping[str, Any] = view.get("decision") or {}
    queue = str(decision.get("queue") or view.get("status") or "-")
    return (
        mark,
        Text(_who(view)),
        Text(_path(one, wide=wide)),
        Text(queue, style=_QUEUE_STYLES.get(queue, "")),
        Text(str(view.get("owner") or "-")),
        _webhook(one),
        Text(_why(view, decision)),
    )


def _webhook(one: Played) -> Text:
    if one.repeated:
        return Text("before", style="dim")
    return Text("verified", style="green") if one.seen.webhooks else Text("none", style="dim")


def _who(view: Mapping[str, Any]) -> str:
    person = view.get("person") or {}
    return str(person.get("email") or view.get("account") or "-")


def _path(one: Played, *, wide: bool) -> str:
    """Return how it came and what it scored: `lead+signal > A2 sql`."""
    score = one.view.get("score") or {}
    kinds = "+".join(dict.fromkeys(step.kind for step in one.case.steps))
    scored = [str(score.get("grade", "-")), *([str(score.get("band", ""))] if wide else [])]
    return f"{kinds} > {' '.join(scored)}".rstrip()


def _why(view: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """Return what brought it there, in few words: the signal if it was one, the rule, the rule's reasons."""
    if decision.get("reason"):
        return str(decision["reason"]).replace("_", " ")
    trigger = view.get("trigger") or {}
    cause = str(trigger["type"]).replace("_", " ") + ", " if trigger.get("kind") == "signal" else ""
    return f"{cause}{decision.get('rule', '-')}: {'; '.join(decision.get('reasons') or ())}"

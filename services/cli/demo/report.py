"""The demo's table: a line for every lead with its path, queue, owner, webhook and reason."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from services.cli.demo.cases import GoldenCase
from services.cli.demo.runner import PlayedCase
from services.cli.output import SafeConsole

_PIPED_WIDTH: Final = 150
_WIDE, _NARROW = 116, 96
"""Terminal widths in columns: from `_WIDE` on the table is complete, below `_NARROW` it is shortest."""
_QUEUE_STYLES: Final = {"senior-ae": "magenta", "bdr": "blue", "sdr": "cyan", "suppressed": "dim"}


class DemoReport:
    """Prints a line for every lead as soon as it has been routed; `played` are the cases so far."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        self._began = time.monotonic()
        self.played: list[PlayedCase] = []

    async def show(self, results: AsyncIterator[PlayedCase], cases: Sequence[GoldenCase]) -> list[PlayedCase]:
        """Print the results of these cases as they come; return them all."""
        self._console.print(self._table(header=True))
        progress = self._console.status("", spinner="dots", spinner_style="dim")
        with progress:
            for case in cases:
                progress.update(f"[dim]{escape(case.name)}[/dim]")
                played = await anext(results)
                self.played.append(played)
                table = self._table(header=False)
                table.add_row(*_row(played, self._mark(played), wide=self._wide))
                self._console.print(table)
        self._console.print(f"\n{self._summary()}")
        return self.played

    @property
    def _wide(self) -> bool:
        return self._console.width >= _WIDE

    def _table(self, *, header: bool) -> Table:
        """Return a table for one line, with fixed column widths so that the lines align."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=header)
        who, path = (31, 20) if self._wide else (27, 16) if self._console.width >= _NARROW else (21, 9)
        widths = {"": 1, "lead": who, "path": path, "queue": 10, "owner": 5, "webhook": 8, "why": None}
        taken = sum(width + 2 for width in widths.values() if width)
        for heading, width in widths.items():
            room = max(8, self._console.width - taken) if width is None else width
            table.add_column(heading, width=room, no_wrap=True, overflow="ellipsis")
        return table

    def _mark(self, played: PlayedCase) -> Text:
        if played.repeated:
            return Text("=", style="dim")
        plain = self._console.options.ascii_only
        if played.differences:
            return Text("x" if plain else "✗", style="bold red")
        return Text("+" if plain else "✓", style="green")

    def _summary(self) -> str:
        sent = [case for case in self.played if not case.repeated]
        statuses = sorted(str(case.view.get("status", "unknown")) for case in self.played)
        counts = ", ".join(f"{len(list(same))} {status}" for status, same in groupby(statuses))
        if not sent:
            return f"{len(self.played)} demo leads already exist ({counts}); nothing was sent."
        webhooks = sum(case.result.webhooks for case in sent)
        took = time.monotonic() - self._began
        return f"{len(self.played)} leads: {counts}; {webhooks} webhooks verified; {took:.0f} s."


def print_differences(played: Sequence[PlayedCase]) -> None:
    """Print every expectation that was not met."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold red")
    table.add_column("case", overflow="fold", ratio=1)
    table.add_column("difference", overflow="fold", ratio=1)
    for case in played:
        for difference in case.differences:
            table.add_row(escape(case.case.name), escape(difference))
    _console().print(table)


def print_next_steps(url: str, played: Sequence[PlayedCase]) -> None:
    """Print commands to try next, with the id of the first lead."""
    baton = _program()
    console = SafeConsole(highlight=False, soft_wrap=True)
    if any(case.differences for case in played):
        console.print(
            f"✗ marks a lead that the default policy routes otherwise: `{baton} demo` lists the differences."
        )
    lead_id = next((case.view["lead_id"] for case in played if case.view.get("lead_id")), None)
    if lead_id is not None:
        lines = {
            f"{baton} explain {lead_id}": "why the first lead was routed to its queue",
            f"{baton} timeline {lead_id}": "its events in order",
            f"curl -d email=you@yours.example {url}/hooks/forms/website": "send another lead",
        }
        room = max(map(len, lines))
        console.print()
        for command, meaning in lines.items():
            console.print(f"  {command:<{room}}  [dim]{meaning}[/dim]")
        console.print()


def _program() -> str:
    """Return the command that runs `baton` from here; `make` installs it outside of the PATH."""
    program = Path(sys.argv[0])
    inside = program.name == "baton" and program.is_relative_to(Path.cwd())
    return str(program.relative_to(Path.cwd())) if inside else "baton"


def _console() -> Console:
    """Return a console as wide as the terminal; into a file or a pipe, wide enough for every line."""
    console = SafeConsole(highlight=False)
    return console if console.is_terminal else SafeConsole(highlight=False, width=_PIPED_WIDTH)


def _row(played: PlayedCase, mark: Text, *, wide: bool) -> tuple[Text, ...]:
    view = played.view
    decision: Mapping[str, Any] = view.get("decision") or {}
    person: Mapping[str, Any] = view.get("person") or {}
    if played.repeated:
        webhook = Text("earlier", style="dim")
    else:
        webhook = Text("verified", style="green") if played.result.webhooks else Text("none", style="dim")
    queue = str(decision.get("queue") or view.get("status") or "-")
    return (
        mark,
        Text(str(person.get("email") or view.get("account") or "-")),
        Text(lead_path(played, wide=wide)),
        Text(queue, style=_QUEUE_STYLES.get(queue, "")),
        Text(str(view.get("owner") or "-")),
        webhook,
        Text(decision_reason(view, decision)),
    )


def lead_path(played: PlayedCase, *, wide: bool) -> str:
    """Return how the lead arrived and its score: `lead+signal > A2 sql`."""
    score = played.view.get("score") or {}
    kinds = "+".join(dict.fromkeys(step.kind for step in played.case.steps))
    scored = [str(score.get("grade", "-")), *([str(score.get("band", ""))] if wide else [])]
    return f"{kinds} > {' '.join(scored)}".rstrip()


def decision_reason(view: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """Return the reason in a few words: the signal that triggered the decision, the rule and its reasons."""
    if decision.get("reason"):
        return str(decision["reason"]).replace("_", " ")
    trigger = view.get("trigger") or {}
    cause = str(trigger["type"]).replace("_", " ") + ", " if trigger.get("kind") == "signal" else ""
    return f"{cause}{decision.get('rule', '-')}: {'; '.join(decision.get('reasons') or ())}"

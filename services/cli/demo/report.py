"""The demo's table: a line for every lead with path, queue, owner, webhook and reason; then a full brief."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.demo.cases import GoldenCase
from services.cli.demo.runner import PlayedCase
from services.cli.demo.slack import slack_text
from services.cli.safe_console import SafeConsole
from services.router.domain.state import CLOSED

_PIPED_WIDTH: Final = 1_000
_COMPLETE, _WIDE, _NARROW = 160, 116, 96
"""Terminal widths in columns: from `_COMPLETE` on the table has names, below `_NARROW` it is shortest."""
_BRIEF_WIDTH: Final = 100
_REASONS: Final = {
    "existing-owner": "stays with its owner",
    "new-market": "a new market, so business development first",
    "partner": "partner interest",
    "high-intent": "wants it now and fits",
    "strategic": "a large or a target account",
    "fits": "fits",
    "nurture": "kept warm, nothing to work on yet",
}
"""What the rules of the default policy mean to a seller."""
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
                cells = _cells(played, self._mark(played), wide=self._wide, complete=self._complete)
                table.add_row(*cells)
                self._console.print(table)
        self._console.print(f"\n{self._summary()}")
        return self.played

    @property
    def _wide(self) -> bool:
        return self._console.width >= _WIDE

    @property
    def _complete(self) -> bool:
        return self._console.width >= _COMPLETE

    def _table(self, *, header: bool) -> Table:
        """Return a table for one line, with fixed column widths so that the lines align.

        A terminal folds the reason; into a file or a pipe nothing is folded or cut.
        """
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=header)
        who, path = (31, 20) if self._wide else (27, 16) if self._console.width >= _NARROW else (21, 9)
        name, owner = (24, 20) if self._complete else (0, 5)
        widths = {
            "": 1, "lead": who, "name": name, "path": path, "queue": 10, "owner": owner, "webhook": 8,
            "why": None,
        }  # fmt: skip
        if self._console.width >= _PIPED_WIDTH:
            for heading, width in widths.items():
                table.add_column(heading, min_width=width, no_wrap=True)
            return table
        taken = sum(width + 2 for width in widths.values() if width)
        for heading, width in widths.items():
            if width is None:
                table.add_column(heading, width=max(8, self._console.width - taken), overflow="fold")
            elif width:
                table.add_column(heading, width=width, no_wrap=True, overflow="ellipsis")
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
    table.add_column("case", overflow="fold")
    table.add_column("difference", overflow="fold")
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


def print_full_brief(played: Sequence[PlayedCase]) -> None:
    """Print the fullest brief of the demo as it arrives in Slack."""

    def length(case: PlayedCase) -> int:
        return len((case.view.get("brief") or {}).get("markdown") or "")

    fullest = max(played, key=length, default=None)
    if fullest is None or not length(fullest):
        return
    view, console = fullest.view, SafeConsole(highlight=False, width=_BRIEF_WIDTH)
    title = f"Slack, to {fullest.result.owner or 'the queue'} ({view['decision']['queue']})"
    console.print()
    console.print(Panel(slack_text(view["brief"]["markdown"]), title=escape(title), title_align="left"))


def _program() -> str:
    """Return the command that runs `baton` from here; `make` installs it outside of the PATH."""
    program = Path(sys.argv[0])
    inside = program.name == "baton" and program.is_relative_to(Path.cwd())
    return str(program.relative_to(Path.cwd())) if inside else "baton"


def _console() -> Console:
    """Return a console as wide as the terminal; into a file or a pipe, wide enough for every line."""
    console = SafeConsole(highlight=False)
    return console if console.is_terminal else SafeConsole(highlight=False, width=_PIPED_WIDTH)


def _cells(played: PlayedCase, mark: Text, *, wide: bool, complete: bool) -> list[Text]:
    """Return the cells of a line. Names stand in their own columns in a complete table only."""
    view = played.view
    decision: Mapping[str, Any] = view.get("decision") or {}
    person: Mapping[str, Any] = view.get("person") or {}
    if played.repeated:
        webhook = Text("earlier", style="dim")
    else:
        webhook = Text("verified", style="green") if played.result.webhooks else Text("none", style="dim")
    queue = str(decision.get("queue") or view.get("status") or "-")
    owner = " ".join(filter(None, (view.get("owner"), played.result.owner if complete else None)))
    name = " ".join(filter(None, (person.get("first_name"), person.get("last_name")))) or person.get("title")
    return [
        mark,
        Text(str(person.get("email") or view.get("account") or "-")),
        *([Text(str(name or "-"))] if complete else []),
        Text(lead_path(played, wide=wide)),
        Text(queue, style=_QUEUE_STYLES.get(queue, "")),
        Text(owner or "-"),
        webhook,
        Text(decision_reason(view, decision)),
    ]


def lead_path(played: PlayedCase, *, wide: bool) -> str:
    """Return how the lead arrived and its score: `lead+signal > A2 sql`."""
    score = played.view.get("score") or {}
    kinds = "+".join(dict.fromkeys(step.kind for step in played.case.steps))
    scored = [str(score.get("grade", "-")), *([str(score.get("band", ""))] if wide else [])]
    return f"{kinds} > {' '.join(scored)}".rstrip()


def decision_reason(view: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """Return the reason as a seller would say it: what happened, and what the rule makes of it."""
    if decision.get("reason"):
        return str(decision["reason"]).replace("_", " ")
    brief, status = view.get("brief") or {}, str(view.get("status"))
    if status in CLOSED:
        reasons = filter(None, (status, *(decision.get("reasons") or ())))
        return ": ".join(dict.fromkeys(str(reason).replace("_", " ") for reason in reasons))
    trigger = brief.get("trigger") or view.get("trigger") or {}
    happened = str(trigger.get("details") or trigger.get("type") or "").replace("_", " ")
    rule = str(decision.get("rule", "-"))
    result = _REASONS.get(rule, rule.replace("-", " "))
    if brief.get("hand_off") and decision.get("change") == "moved":
        result = f"handed over by {brief['hand_off'].get('by') or 'its owner'}"
    return ": ".join(filter(None, (happened, result)))

"""`baton backtest`: what a policy would have made of the recorded history, before it is applied."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from services.cli.client import request
from services.cli.output import AsJson, echo, print_json, print_table

_POLL_S: Final = 0.5
_QUEUES: Final = {
    "leads": "LEADS",
    "before": "FROM",
    "after": "TO",
    "rule_before": "RULE BEFORE",
    "rule_after": "RULE AFTER",
    "cause": "BECAUSE",
}
_MOVES: Final = {"lead": "LEAD", "from": "FROM (RULE, OWNER)", "to": "TO (RULE, OWNER)", "cause": "BECAUSE"}
_OWNERS: Final = {
    "queue": "QUEUE",
    "rep": "REP",
    "assigned_before": "BEFORE",
    "assigned_after": "AFTER",
    "off_share_before": "OFF SHARE BEFORE",
    "off_share_after": "OFF SHARE AFTER",
}
_SHOWN_MAX: Final = 20


def _instant(text: str) -> datetime:
    """Return an instant, or the first of a day; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no day such as 2026-03-01 and no instant of RFC 3339"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _last_instant(text: str) -> datetime:
    """Return an instant, or the last of a day; one without a zone is UTC."""
    at = _instant(text)
    is_day = len(text) <= len("2026-03-01")
    return at + timedelta(days=1, microseconds=-1) if is_day else at


def backtest(
    policy: Annotated[
        str,
        typer.Argument(
            metavar="DIRECTORY|VERSION",
            help="Directory of the policy files; or a stored version, `active`, or `recorded`: the versions "
            "that decided, which moves nobody.",
            envvar="BATON_POLICY_DIR",
        ),
    ] = "config",
    since: Annotated[
        datetime | None, typer.Option(parser=_instant, help="Compare decisions from this day or instant on.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=_last_instant, help="Compare decisions up to this day, which is included, or instant."
        ),
    ] = None,
    segment: Annotated[
        str | None, typer.Option(help="Report on the leads of this segment of icp.yaml alone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide the recorded history again by a policy; show which leads would go elsewhere, and why.

    Nothing live is changed. The exit code is 0, whoever moves.
    """
    body: dict[str, Any] = {"since": since, "until": until, "segment": segment}
    body = {name: value for name, value in body.items() if value is not None}
    version = policy
    if Path(policy).is_dir():
        from shared.policy.load import texts_in

        body["files"] = texts_in(Path(policy))
        version = request("POST", "/v1/policies/validate", body={"files": body["files"]})["version"]
    elif not re.fullmatch("active|recorded|[0-9a-fA-F]{1,64}", policy):
        raise typer.BadParameter(f"{policy!r} is neither a directory nor a version.")
    accepted = request("POST", f"/v1/policies/{quote(version, safe='')}/backtest", body=body)
    found = _wait(accepted["status_url"])
    if found["state"] != "done":
        echo(f"The backtest is {found['state']}: {found['error'] or 'no more is known'}", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(found["report"])
        return
    moves = request("GET", f"{accepted['status_url']}/moves?limit={_SHOWN_MAX}")["data"]
    _print_report(found["report"], moves)
    if found["report"]["moved"] > _SHOWN_MAX:
        echo(f"\nAll {found['report']['moved']} moves: GET {accepted['status_url']}/moves")


def _wait(status_url: str) -> Any:
    """Return the backtest when it has ended; on a terminal its progress is shown. Ctrl-C cancels it."""
    from rich.progress import Progress

    from services.cli.safe_console import SafeConsole

    console = SafeConsole(stderr=True)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Backtest", total=None)
            while (found := request("GET", status_url))["state"] in ("queued", "running"):
                progress.update(task, total=found["total"] or None, completed=found["done"])
                time.sleep(_POLL_S)
    except KeyboardInterrupt:
        request("DELETE", status_url)
        echo("Cancelled.", err=True)
        raise typer.Exit(1) from None
    return found


def _print_report(report: Any, moves: list[Any]) -> None:
    if not report["leads"]:
        echo(report["unknown"][0])
        return
    since = report["since"] or "the first decision"
    about = f" of segment {report['segment']}" if report["segment"] else ""
    echo(f"{report['leads']} leads{about}, {since} to {report['until']}.")
    others = f"{report['other_owner']} stay in their queue with another owner"
    echo(f"{report['moved']} move to another queue; {others}.\n")
    print_table(report["queues"][:_SHOWN_MAX], _QUEUES, empty="Nobody moves.")
    suppressed = report["suppressed"]
    echo(f"\nSuppressed: {suppressed['before']} before, {suppressed['after']} after.")
    for word in ("more", "fewer"):
        for reason, leads in suppressed[word].items():
            echo(f"  {leads} {word}: {reason}")
    for band in report["bands"]:
        echo(f"Band: {band['leads']} leads are {band['after']} instead of {band['before']}.")
    before, after = report["sla"]["before"], report["sla"]["after"]
    echo(f"Times to accept: {_in_words(before)} before, {_in_words(after)} after.")
    spend = report["spend"]
    wasted = _money(spend["suppressed_more"])
    echo(f"Spent on data: {_money(spend['all_leads'])}, of it {wasted} on leads that nobody gets any more.\n")
    owners = [one for one in report["owners"] if one["assigned_before"] != one["assigned_after"]]
    print_table(owners, _OWNERS, empty="Every owner gets as many leads as before.")
    if moves:
        echo("")
        places = [{"from": _place(one["before"]), "to": _place(one["after"])} for one in moves]
        rows = [{**one, **place} for one, place in zip(moves, places, strict=True)]
        print_table(rows, _MOVES, empty="")
    echo("\nWhat the figures rest on:")
    for sentence in report["unknown"]:
        echo(f"  {sentence}")


def _place(path: Any) -> str:
    return f"{path.get('queue') or 'nobody'} ({path['rule']}, {path.get('owner') or 'no owner'})"


def _in_words(deadlines: Any) -> str:
    given = deadlines["given"]
    return f"{deadlines['accepted_in_time']} of {given} accepted in time, {deadlines['missed']} missed"


def _money(cents: int) -> str:
    return f"{cents / 100:.2f}"

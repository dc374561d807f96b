"""`baton policy`: check the policy files here; compare them with the active policy and activate them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.cli.client import request
from services.cli.output import AsJson, echo, print_json

app = typer.Typer(help="Check, compare and activate the policy files.", no_args_is_help=True)

Directory = Annotated[
    Path,
    typer.Argument(
        help="Directory of the policy files.", envvar="BATON_POLICY_DIR", file_okay=False, exists=True
    ),
]
Note = Annotated[str, typer.Option(help="Why; it is kept with the version.")]
_CONFIG = Path("config")


@app.command()
def check(directory: Directory = _CONFIG, as_json: AsJson = False) -> None:
    """Check the files without a running Baton; exit code 1 if they are invalid."""
    from shared.integrations.catalog import load_integrations
    from shared.integrations.installed import known_integrations
    from shared.policy.content_hash import shown, version_of
    from shared.policy.load import PolicyInvalid, read_policy, texts_in, unread_files

    try:
        found = read_policy(texts_in(directory), known_integrations(load_integrations(directory)))
        problems, read = [*found.findings, *unread_files(directory)], found.policy
    except PolicyInvalid as error:
        problems, read = [*error.findings], None
    version = version_of(read) if read is not None else None
    if as_json:
        print_json({"valid": read is not None, "version": version, "problems": problems})
    else:
        for problem in problems:
            echo(f"{problem.severity}: {problem}", err=True)
        if version is not None:
            echo(f"Valid policy, version {shown(version)}.")
    if read is None:
        raise typer.Exit(1)


@app.command()
def show(
    version: Annotated[
        str, typer.Argument(help="A version, or the first characters of one; or `active`.")
    ] = "active",
    as_json: AsJson = False,
) -> None:
    """Print a version of the policy with its files."""
    found = request("GET", f"/v1/policies/{quote(version, safe='')}")
    if as_json:
        print_json(found)
        return
    since = f"since {found['activated_at']} by {found['activated_by']}"
    echo(f"# version {found['version']}, {'active' if found['active'] else 'last active'} {since}")
    for name, text in found["files"].items():
        echo(f"\n# --- {name}\n{text.rstrip()}")


@app.command()
def apply(
    policy: Annotated[
        str,
        typer.Argument(
            metavar="DIRECTORY|VERSION",
            help="Directory of the policy files; or a stored version, or the first characters of one.",
            envvar="BATON_POLICY_DIR",
        ),
    ] = str(_CONFIG),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to go on without a backtest.")
    ] = False,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Activate the files, or a version that was active before; every role uses it within seconds.

    The last backtest of the version is shown. Where there is none, a terminal asks whether to go on, and
    anything else is warned.
    """
    if Path(policy).is_dir():
        from shared.policy.load import texts_in, unread_files

        for finding in unread_files(Path(policy)):
            echo(f"warning: {finding}", err=True)
        files = texts_in(Path(policy))
    elif re.fullmatch("[0-9a-fA-F]{1,64}", policy):
        files = request("GET", f"/v1/policies/{policy}")["files"]
    else:
        raise typer.BadParameter(f"{policy!r} is neither a directory nor a version.")
    checked = request("POST", "/v1/policies/validate", body={"files": files})
    if not checked["active"]:
        _show_backtest(checked["last_backtest"], policy, yes=yes)
    _activate(files, note, as_json=as_json)


@app.command()
def rollback(
    version: Annotated[
        str | None,
        typer.Argument(
            help="A version, or the first characters of one; without it the one that was active before."
        ),
    ] = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Activate an earlier version again; every role uses it within seconds."""
    if version is None:
        latest = request("GET", "/v1/policies?limit=2")["data"]
        if len(latest) < 2:
            echo("There is no earlier version of the policy.", err=True)
            raise typer.Exit(1)
        version = latest[1]["version"]
    found = request("GET", f"/v1/policies/{quote(version, safe='')}")
    _activate(found["files"], note, as_json=as_json)


def _show_backtest(tested: Any, policy: str, *, yes: bool) -> None:
    """Print what the last backtest of a version found; ask on a terminal whether to go on without one."""
    if tested is not None:
        until = tested["until"]
        echo(
            f"Backtest up to {until}: {tested['moved']} of {tested['leads']} leads move to another queue, "
            f"{tested['suppressed_more']} more are suppressed and {tested['suppressed_fewer']} fewer.",
            err=True,
        )
        return
    echo(f"warning: no backtest of this version yet; `baton backtest {policy}` runs one", err=True)
    if not yes and sys.stdin.isatty() and not typer.confirm("Apply it all the same?", err=True):
        raise typer.Exit(1)


def _activate(files: Mapping[str, str], note: str, *, as_json: bool) -> None:
    """Post the files of a policy and print the result."""
    applied = request("POST", "/v1/policies", body={"files": files, "note": note})
    if as_json:
        print_json(applied)
        return
    for warning in applied["warnings"]:
        echo(f"warning: {warning}", err=True)
    from shared.policy.content_hash import shown

    echo(f"Active policy: version {shown(applied['version'])}.")


@app.command()
def diff(directory: Directory = _CONFIG, as_json: AsJson = False) -> None:
    """Show the differences between the files and the active policy."""
    from shared.policy.load import texts_in

    found = request("POST", "/v1/policies/validate", body={"files": texts_in(directory)})
    if as_json:
        print_json(found)
        return
    for line in found["changes"] or ["No differences."]:
        echo(line)

"""`baton policy`: check the policy files here; compare them with the active policy and activate them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
_CONFIG = Path("config")


@app.command()
def check(directory: Directory = _CONFIG, as_json: AsJson = False) -> None:
    """Check the files without a running Baton; exit code 1 if they are invalid."""
    from shared.policy.content_hash import shown, version_of
    from shared.policy.load import PolicyInvalid, read_policy, texts_in

    try:
        found = read_policy(texts_in(directory))
        problems, read = found.findings, found.policy
    except PolicyInvalid as error:
        problems, read = error.findings, None
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
    version: Annotated[str, typer.Argument(help="A version, or `active`.")] = "active",
    as_json: AsJson = False,
) -> None:
    """Print a version of the policy with its files."""
    found = request("GET", f"/v1/policies/{version}")
    if as_json:
        print_json(found)
        return
    since = f"since {found['activated_at']} by {found['activated_by']}"
    echo(f"# version {found['version']}, {'active' if found['active'] else 'last active'} {since}")
    for name, text in found["files"].items():
        echo(f"\n# --- {name}\n{text.rstrip()}")


@app.command()
def apply(directory: Directory = _CONFIG, as_json: AsJson = False) -> None:
    """Activate the files; every role uses them within seconds."""
    applied = _send("/v1/policies", directory)
    if as_json:
        print_json(applied)
        return
    for warning in applied["warnings"]:
        echo(f"warning: {warning}", err=True)
    echo(f"Active policy: version {applied['version']}.")


@app.command()
def diff(directory: Directory = _CONFIG, as_json: AsJson = False) -> None:
    """Show the differences between the files and the active policy."""
    found = _send("/v1/policies/validate", directory)
    if as_json:
        print_json(found)
        return
    for line in found["changes"] or ["No differences."]:
        echo(line)


def _send(path: str, directory: Path) -> Any:
    """Post the policy files of a directory and return the response."""
    from shared.policy.load import texts_in

    return request("POST", path, body={"files": texts_in(directory)})

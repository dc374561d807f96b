"""`baton integrations`: what vendors send, tried and checked here, without a running Baton."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.output import AsJson, echo, print_json, print_table
from shared.rules.findings import did_you_mean

if TYPE_CHECKING:
    from services.gateway.intake.preset_examples import ExampleResult
    from shared.integrations.catalog import Folder, Integrations

app = typer.Typer(help="List, check and try the integrations of vendors.", no_args_is_help=True)

Directory = Annotated[
    Path,
    typer.Option(
        "--policy-dir",
        help="Directory of the policy files; its folder `integrations` comes before Baton's own.",
        envvar="BATON_POLICY_DIR",
        file_okay=False,
    ),
]
Vendor = Annotated[str, typer.Argument(help="Name of the vendor, such as `typeform` or `signals/apollo`.")]

_CONFIG = Path("config")
_COLUMNS = {
    "kind": "kind",
    "vendor": "vendor",
    "title": "title",
    "signature": "signature",
    "hooks": "hooks",
    "examples": "examples",
    "docs": "docs",
}


@app.command("list")
def list_integrations(directory: Directory = _CONFIG, as_json: AsJson = False) -> None:
    """List the vendors of forms, signals and data."""
    from msgspec.structs import asdict

    from services.gateway.integration_list import summaries

    found = [asdict(summary) for summary in summaries(_load(directory))]
    if as_json:
        print_json(found)
        return
    print_table(found, _COLUMNS, empty="No integrations.")
    echo(f"{len(found)} integrations, {sum(one['hooks'] for one in found)} with a hook in Python.")


@app.command()
def check(
    vendor: Annotated[
        str | None, typer.Argument(help="Name of a vendor; without it all are checked.")
    ] = None,
    directory: Directory = _CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check folders and run their examples, signatures included; exit code 1 if any fails."""
    from shared.integrations.catalog import read_stub

    integrations = _load(directory)
    folders = [*integrations.folders()] if vendor is None else _named(integrations, vendor)
    stubs = [finding for folder in folders for finding in read_stub(folder.directory)[1]]
    problems = [
        {"file": finding.file, "problem": str(finding), "severity": str(finding.severity)}
        for finding in (*integrations.findings, *stubs)
        if vendor is None or finding.file.split("/")[1] == vendor.rpartition("/")[2]
    ]
    count = 0
    for folder in folders:
        for path in folder.example_files():
            count += 1
            name = f"{folder.kind}/{folder.vendor}/examples/{path.name}"
            problems += [
                {"file": name, "problem": line, "severity": "error"}
                for line in _example_problems(folder, path)
            ]
    failed = any(problem["severity"] == "error" for problem in problems)
    if as_json:
        print_json({"valid": not failed, "folders": len(folders), "examples": count, "problems": problems})
    else:
        for problem in problems:
            echo(f"{problem['severity']}: {problem['file']}: {problem['problem']}", err=True)
        echo(f"{len(folders)} integrations, {count} examples: {'failed' if failed else 'all hold'}.")
    if failed:
        raise typer.Exit(1)


@app.command("try")
def try_payload(
    vendor: Vendor,
    file: Annotated[
        Path,
        typer.Argument(
            help="An example (.yaml), a body as the vendor posts it, or a provider's answer as JSON.",
            exists=True,
            dir_okay=False,
        ),
    ],
    content_type: Annotated[str, typer.Option(help="Content-Type of the body.")] = "application/json",
    header: Annotated[
        list[str] | None, typer.Option(help="A header of the request, as `Name: value`; may be repeated.")
    ] = None,
    *,
    ask: Annotated[
        str | None, typer.Option(help="What a provider was asked: company, person, email, find_email, …")
    ] = None,
    question: Annotated[
        list[str] | None, typer.Option(help="What it was asked about, as `email=ADDRESS`; may be repeated.")
    ] = None,
    directory: Directory = _CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what a payload becomes: outcome, lead or signal, warnings, and labels without a field.

    Exit code 1 if it is refused, or if an example does not become what it expects.
    """
    folders = _named(_load(directory), vendor)
    if not folders:
        raise typer.BadParameter(f"{vendor} has an error; see `baton integrations check {vendor}`")
    wanted = [folder for folder in folders if (folder.kind == "providers") is (ask is not None)]
    folder = (wanted or folders)[0]
    if folder.kind == "providers":
        shown = _tried_answer(folder, file, ask, question or [])
    else:
        result = _tried(folder, file, content_type, header or [])
        items = [_builtins(item) for item in result.items]
        shown = {"items": items, "warnings": list(result.warnings), "differences": list(result.differences)}
    if as_json:
        print_json(shown)
    else:
        for item in shown["items"]:
            echo(_item_text(item))
        for line in (*(f"warning: {one}" for one in shown["warnings"]), *shown["differences"]):
            echo(line)
    items = shown["items"]
    if shown["differences"] or (items and all("problem" in item for item in items)):
        raise typer.Exit(1)


def _load(directory: Path) -> Integrations:
    from shared.integrations.catalog import load_integrations

    return load_integrations(directory)


def _named(integrations: Integrations, vendor: str) -> list[Folder[Any]]:
    """Return the folders of a vendor, of one kind where it is named `KIND/VENDOR`."""
    kind, _, name = vendor.rpartition("/")
    named = [folder for folder in integrations.folders() if folder.vendor == name]
    found = [folder for folder in named if kind in ("", folder.kind)]
    in_error = any(finding.file.split("/")[1] == name for finding in integrations.findings)
    if not found and not in_error:
        known = {folder.vendor for folder in integrations.folders()}
        raise typer.BadParameter(f"there is no integration {vendor}{did_you_mean(name, known)}")
    return found


def _example_problems(folder: Folder[Any], path: Path) -> list[str]:
    """Return what is wrong with an example, or how it differs from what it expects."""
    from pydantic import ValidationError

    from services.enricher.providers.examples import run_provider_example
    from services.gateway.intake.preset_examples import run_example
    from shared.integrations.catalog import read_example
    from shared.integrations.examples import IntakeExample

    example, findings = read_example(folder.kind, path)
    if example is None:
        return [str(finding) for finding in findings]
    if not isinstance(example, IntakeExample):
        return list(run_provider_example(folder.preset, example).differences)
    try:
        return list(run_example(folder.preset, example).differences)
    except ValidationError as error:
        return [f"source: {error}"]


def _tried(folder: Folder[Any], file: Path, content_type: str, headers: list[str]) -> ExampleResult:
    """Return what a file becomes: an example with its settings, anything else as the body of a request."""
    from services.gateway.intake.preset_examples import run_example, run_request
    from shared.integrations.catalog import read_example
    from shared.integrations.examples import IntakeExample

    if file.suffix in (".yaml", ".yml"):
        example, findings = read_example(folder.kind, file)
        if not isinstance(example, IntakeExample):
            raise typer.BadParameter("; ".join(map(str, findings)))
        return run_example(folder.preset, example)
    named = dict(header.partition(":")[::2] for header in headers)
    given = {name.strip().lower(): value.strip() for name, value in named.items()}
    return run_request(folder.preset, file.read_bytes(), {"content-type": content_type, **given})


def _tried_answer(folder: Folder[Any], file: Path, ask: str | None, question: list[str]) -> dict[str, Any]:
    """Return what a provider's answer becomes: an example, or JSON as the vendor sends it."""
    import msgspec
    from pydantic import ValidationError

    from services.enricher.providers.examples import run_provider_example
    from shared.integrations.catalog import read_example
    from shared.integrations.examples import ProviderExample

    if file.suffix in (".yaml", ".yml"):
        example, findings = read_example(folder.kind, file)
        if not isinstance(example, ProviderExample):
            raise typer.BadParameter("; ".join(map(str, findings)))
        result = run_provider_example(folder.preset, example)
        return {
            "items": list(map(_builtins, result.answers)),
            "warnings": [],
            "differences": result.differences,
        }
    asked = dict(one.partition("=")[::2] for one in question)
    try:
        answer = {"status": 200, "json": msgspec.json.decode(file.read_bytes())}
        given: dict[str, Any] = {
            "title": file.name,
            "ask": ask,
            "question": asked,
            "answer": answer,
            "expect": (),
        }
        example = ProviderExample.model_validate(given)
    except (msgspec.MsgspecError, ValidationError) as error:
        raise typer.BadParameter(str(error)) from error
    result = run_provider_example(folder.preset, example)
    needed = [] if result.answers else list(result.differences)
    return {"items": list(map(_builtins, result.answers)), "warnings": [], "differences": needed}


def _builtins(item: Any) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(item)
    return shown


def _item_text(item: dict[str, Any]) -> str:
    from services.cli.output import json_text

    outcomes = ("lead", "signal", "ignore", "erase", "fetch", "parked", "problem")
    if "outcome" in item:
        return json_text(
            {name: value for name, value in item.items() if value not in ({}, [], None, "")}, indent=2
        )
    what = next(name for name in outcomes if name in item)
    lines = [f"item {item['index']}: {what} {json_text(item[what], indent=2)}"]
    lines += [f"  unmapped: {', '.join(item['unmapped'])}"] if item.get("unmapped") else []
    lines += [f"  warning: {warning}" for warning in item.get("warnings", ())]
    return "\n".join(lines)

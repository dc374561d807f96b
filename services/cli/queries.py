"""The commands that ask a running Baton over HTTP, or listen to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.client import Client, ask, every
from services.cli.output import AsJson, print_json, print_table

dead_letters = typer.Typer(help="Records that could not be processed.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
leads = typer.Typer(help="Leads.", no_args_is_help=True)
providers = typer.Typer(help="Providers of data.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(listen)
    app.command()(timeline)
    app.command()(explain)
    app.add_typer(leads, name="leads")
    app.add_typer(providers, name="providers")
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(keys, name="keys")


def listen(
    port: Annotated[int, typer.Option(help="Port to listen on (0: any free one).", min=0, max=65535)] = 9400,
    secret: Annotated[str | None, typer.Option(help="The subscription's whsec_… secret.")] = None,
    forward: Annotated[str | None, typer.Option(help="URL to pass what is verified on to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Receive webhooks on this machine, verify their signature, and print them."""
    from services.cli import listen as listening

    listening.listen(port, secret, forward, as_json=as_json)


def timeline(lead: Annotated[str, typer.Argument(help="Lead id or alias.")], as_json: AsJson = False) -> None:
    """Show everything that happened to a lead, in order."""
    entries = ask(lambda client: client.call("GET", f"/v1/leads/{lead}/timeline"))["data"]
    if as_json:
        print_json(entries)
        return
    print_table(
        entries,
        {"at": "when", "type": "what", "source": "by", "outcome": "outcome", "id": "id"},
        none="Nothing happened to this lead.",
    )


def explain(lead: Annotated[str, typer.Argument(help="Lead id or alias.")], as_json: AsJson = False) -> None:
    """Say why a lead is where it is."""
    found = ask(lambda client: client.call("GET", f"/v1/leads/{lead}/explain"))
    if as_json:
        print_json(found)
        return
    typer.echo(found["summary"])
    decision, score = found["decision"] or {"rules": [], "reps": []}, found["score"] or {"lines": []}
    for title, rows, columns in (
        ("Score", score["lines"], {"part": "part", "rule": "rule", "points": "points", "why": "why"}),
        (
            "Rules",
            _with_reasons(decision["rules"]),
            {"rule": "rule", "queue": "queue", "result": "result", "why": "why"},
        ),
        ("Reps", decision["reps"], {"rep": "rep", "result": "result"}),
        ("Since then", found["since"], {"at": "when", "type": "what", "owner": "owner", "reason": "why"}),
        (
            "Fields",
            found["fields"],
            {"field": "field", "value": "value", "source": "from", "confidence": "sure", "cost": "cents"},
        ),
    ):
        if rows:
            typer.echo(f"\n{title}")
            print_table(rows, columns, none="")
    if found["counterfactuals"]:
        typer.echo("\nIt would be elsewhere")
        for change in found["counterfactuals"]:
            typer.echo(f"  {change['says']}")


def _with_reasons(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule | {"why": "; ".join(leaf["says"] for leaf in rule["because"])} for rule in rules]


@leads.command("import")
def import_leads(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or JSON lines (.jsonl).", dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Send the leads of a file; exit code 1 when a line was not accepted."""
    from services.cli import leads_import as importing

    lines = importing.read_leads(file)
    show_progress = sys.stderr.isatty() and not as_json
    done = ask(lambda client: importing.import_leads(client, lines, show_progress=show_progress))
    if as_json:
        print_json(done)
    else:
        for wrong in done.problems:
            typer.echo(f"{file}:{wrong.line}: {wrong.problem}", err=True)
        typer.echo(f"{done.accepted} accepted, {len(done.problems)} not.")
    if done.problems:
        raise typer.Exit(1)


@providers.command("report")
def report_providers(
    days: Annotated[int, typer.Option(help="How many days back.", min=1, max=366)] = 30,
    as_json: AsJson = False,
) -> None:
    """Show what each provider was asked, found and cost."""
    found = ask(lambda client: client.call("GET", "/v1/providers", query={"days": str(days)}))["data"]
    if as_json:
        print_json(found)
        return
    columns = {
        "name": "provider",
        "calls": "asked",
        "matches": "found",
        "cost": "cents",
        "answers_kept": "kept",
        "fields": "fields",
    }
    print_table(found, columns, none="No providers.")


@dead_letters.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was set aside, the newest first, with its cause."""
    letters = ask(lambda client: client.call("GET", "/v1/dead-letters", query={"limit": str(limit)}))["data"]
    if as_json:
        print_json(letters)
        return
    columns = {
        "id": "id",
        "at": "when",
        "stage": "role",
        "topic": "topic",
        "kind": "cause",
        "message": "message",
        "replayed_at": "replayed",
    }
    print_table(letters, columns, none="No dead letters.")


@dead_letters.command("replay")
def replay_dead_letters(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not replayed yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put records back where they came from, once the cause is gone."""
    if bool(ids) == everything:
        raise typer.BadParameter("name the dead letters, or say --all")

    async def replay(client: Client) -> list[str]:
        wanted = list(ids or ())
        if everything:
            found = [letter async for letter in client.pages("/v1/dead-letters")]
            wanted = [letter["id"] for letter in found if letter["replayed_at"] is None]
        for letter_id in wanted:
            await client.call("POST", f"/v1/dead-letters/{letter_id}/replay")
        return wanted

    replayed = ask(replay)
    if as_json:
        print_json({"replayed": replayed})
    else:
        typer.echo(f"{len(replayed)} put back.")


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show every API key, without the key itself."""
    found = ask(every("/v1/api-keys"))
    if as_json:
        print_json(found)
        return
    columns = {"id": "id", "name": "name", "scopes": "scopes", "rep": "rep", "created_at": "since"}
    print_table(found, columns, none="No keys but the administrator's.")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scopes: Annotated[list[str], typer.Option("--scope", help="intake, read, rep, manager or admin.")],
    rep: Annotated[str | None, typer.Option(help="The rep that a key of scope rep acts as.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key; it is shown this once."""
    body = {"name": name, "scopes": scopes, **({"rep": rep} if rep else {})}
    made = ask(lambda client: client.call("POST", "/v1/api-keys", body=body))
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['id']}\nkey (not shown again): {made['key']}")


@keys.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id.")], as_json: AsJson = False) -> None:
    """End an API key."""
    ask(lambda client: client.call("DELETE", f"/v1/api-keys/{key}"))
    if as_json:
        print_json({"revoked": key})
    else:
        typer.echo("Revoked.")

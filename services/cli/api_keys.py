"""`baton keys`: keys of the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import list_all, request
from services.cli.output import AsJson, print_result, print_rows

app = typer.Typer(help="Manage API keys.", no_args_is_help=True)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List API keys, without the keys themselves."""
    columns = {"id": "id", "name": "name", "scopes": "scopes", "rep": "rep", "created_at": "since"}
    print_rows(list_all("/v1/api-keys"), columns, empty="No keys but the administrator's.", as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    scopes: Annotated[
        list[str], typer.Option("--scope", help="Scope: intake, read, rep, manager or admin; repeatable.")
    ],
    rep: Annotated[str | None, typer.Option(help="Rep that a key with scope rep acts as.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key; it is shown only now."""
    body = {"name": name, "scopes": scopes, **({"rep": rep} if rep else {})}
    created = request("POST", "/v1/api-keys", body=body)
    print_result(created, f"{created['id']}\nkey (not shown again): {created['key']}", as_json=as_json)


@app.command()
def link(as_json: AsJson = False) -> None:
    """Print a link that signs in to the console with the key in use: once, within minutes."""
    made = request("POST", "/v1/sign-in-links")
    print_result(made, made["url"], as_json=as_json)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="Id of the key.")], as_json: AsJson = False) -> None:
    """Revoke an API key."""
    request("DELETE", f"/v1/api-keys/{key}")
    print_result({"revoked": key}, "Revoked.", as_json=as_json)

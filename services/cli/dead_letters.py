"""`baton dead-letters`: records that could not be processed, and putting them back."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import BatonClient, request, run_with_client
from services.cli.output import AsJson, print_result, print_rows

app = typer.Typer(help="Records that could not be processed.", no_args_is_help=True)

_COLUMNS = {
    "id": "id",
    "at": "when",
    "stage": "role",
    "topic": "topic",
    "kind": "cause",
    "message": "message",
    "replayed_at": "replayed",
}


@app.command("list")
def list_dead_letters(
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was set aside, the newest first, with its cause."""
    letters = request("GET", "/v1/dead-letters", query={"limit": str(limit)})["data"]
    print_rows(letters, _COLUMNS, empty="No dead letters.", as_json=as_json)


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not replayed yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put records back where they came from, once the cause is gone."""
    if bool(ids) == everything:
        raise typer.BadParameter("name the dead letters, or say --all")

    async def replay_letters(client: BatonClient) -> list[str]:
        if everything:
            letters = [letter async for letter in client.pages("/v1/dead-letters")]
            chosen = [letter["id"] for letter in letters if letter["replayed_at"] is None]
        else:
            chosen = list(ids or ())
        for letter_id in chosen:
            await client.call("POST", f"/v1/dead-letters/{letter_id}/replay")
        return chosen

    replayed = run_with_client(replay_letters)
    print_result({"replayed": replayed}, f"{len(replayed)} put back.", as_json=as_json)

"""`baton dead-letters`: records that could not be processed, and replaying them."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import BatonClient, request, run_with_client
from services.cli.output import AsJson, print_result, print_rows

app = typer.Typer(help="List and replay records that could not be processed.", no_args_is_help=True)

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
    limit: Annotated[int, typer.Option(help="Maximum number to list.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters with their cause, newest first."""
    letters = request("GET", "/v1/dead-letters", query={"limit": str(limit)})["data"]
    print_rows(letters, _COLUMNS, empty="No dead letters.", as_json=as_json)


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Replay every dead letter that has not been replayed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish records to their original topic again, once the cause is fixed."""
    if bool(ids) == everything:
        raise typer.BadParameter("give the ids of dead letters, or --all")

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
    print_result({"replayed": replayed}, f"{len(replayed)} replayed.", as_json=as_json)

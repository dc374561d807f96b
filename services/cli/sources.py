"""`baton sources`: what the sources of forms and signals could not read."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import request
from services.cli.output import AsJson, echo, print_json, print_table

app = typer.Typer(help="List and replay what a source could not read.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(help="Name of the source.")]

_COLUMNS = {
    "id": "id",
    "received_at": "when",
    "cause": "cause",
    "detail": "detail",
    "content_type": "content type",
    "size": "bytes",
    "body": "body",
}
_BODY_SHOWN = 200


@app.command()
def rejected(
    source: Source,
    limit: Annotated[int, typer.Option(help="Maximum number to list.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """List rejected submissions of the last 7 days with their cause, newest first."""
    submissions = request("GET", f"/v1/sources/{source}/rejected", query={"limit": str(limit)})["data"]
    if as_json:
        print_json(submissions)
        return
    shown = [{**submission, "body": submission["body"][:_BODY_SHOWN]} for submission in submissions]
    print_table(shown, _COLUMNS, empty="No rejected submissions.")


@app.command()
def replay(
    source: Source,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of submissions.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay all submissions of the source.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read rejected submissions again, once the mapping is mended; exit code 1 if any is rejected still."""
    if bool(ids) == everything:
        raise typer.BadParameter("give the ids of submissions, or --all")
    answer = request("POST", f"/v1/sources/{source}/replay", body={} if everything else {"ids": ids})
    if as_json:
        print_json(answer)
    else:
        echo(f"{answer['accepted']} accepted, {answer['rejected']} rejected.")
        problems = [
            {"id": result["id"], "problem": result["problem"]["detail"]}
            for result in answer["results"]
            if "problem" in result
        ]
        if problems:
            print_table(problems, {"id": "id", "problem": "problem"}, empty="")
    if answer["rejected"]:
        raise typer.Exit(1)

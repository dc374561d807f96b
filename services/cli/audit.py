"""`baton audit`: who changed what, from where, when, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from services.cli.client import request
from services.cli.output import AsJson, print_rows

app = typer.Typer(help="List who changed what.")

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of UTC; it begins at 0:00.")]
_COLUMNS: Final = {
    "at": "when",
    "name": "who",
    "rep": "rep",
    "address": "from",
    "kind": "what",
    "subject": "of",
    "note": "note",
}


@app.callback(invoke_without_command=True)
def list_audit(
    *,
    kind: Annotated[str | None, typer.Option(help="What was done, such as policy.applied.")] = None,
    subject: Annotated[str | None, typer.Option(help="Id of what it was done to.")] = None,
    key: Annotated[str | None, typer.Option(help="Id of the API key that did it.")] = None,
    rep: Annotated[str | None, typer.Option(help="Rep who did it.")] = None,
    since: Day = None,
    until: Day = None,
    limit: Annotated[int, typer.Option(help="Maximum number to list.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the audit trail, newest first. `GET /v1/audit/export` returns all of it as CSV or JSON lines."""
    begin, end = (f"{day:%Y-%m-%d}T00:00:00Z" if day else None for day in (since, until))
    asked = {"kind": kind, "subject": subject, "key_id": key, "rep": rep, "since": begin, "until": end}
    query = {name: value for name, value in asked.items() if value is not None}
    entries = request("GET", "/v1/audit", query={**query, "limit": str(limit)})["data"]
    print_rows(entries, _COLUMNS, empty="Nothing was changed.", as_json=as_json)

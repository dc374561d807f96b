"""`baton leads`, `timeline` and `explain`: events and explanation of a lead; import of leads from a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.client import request, run_with_client
from services.cli.output import AsJson, print_json, print_rows, print_table

app = typer.Typer(help="Import leads.", no_args_is_help=True)

LeadId = Annotated[str, typer.Argument(metavar="LEAD", help="Id or alias of the lead.")]


def timeline(lead: LeadId, as_json: AsJson = False) -> None:
    """Show every event of a lead in order; --json adds the ids."""
    entries = request("GET", f"/v1/leads/{lead}/timeline")["data"]
    columns = {"at": "when", "type": "event", "source": "source", "outcome": "outcome"}
    if not as_json:  # so that a line fits in 80 columns
        entries = [entry | {"at": f"{entry['at'][:19]}Z"} for entry in entries]
    print_rows(entries, columns, empty="Nothing happened to this lead.", as_json=as_json)


def explain(lead: LeadId, as_json: AsJson = False) -> None:
    """Explain a lead: score, rules, reps, fields, and what would have changed its queue."""
    explanation = request("GET", f"/v1/leads/{lead}/explain")
    if as_json:
        print_json(explanation)
        return
    typer.echo(explanation["summary"])
    score, decision = (
        explanation["score"] or {"lines": []},
        explanation["decision"] or {"rules": [], "reps": []},
    )
    for title, rows, columns in (
        ("Score", score["lines"], {"part": "part", "rule": "rule", "points": "points", "why": "why"}),
        (
            "Rules",
            [
                rule | {"why": "; ".join(leaf["says"] for leaf in rule["because"])}
                for rule in decision["rules"]
            ],
            {"rule": "rule", "queue": "queue", "result": "result", "why": "why"},
        ),
        ("Reps", decision["reps"], {"rep": "rep", "result": "result"}),
        (
            "Since then",
            explanation["since"],
            {"at": "when", "type": "what", "owner": "owner", "reason": "why"},
        ),
        (
            "Fields",
            explanation["fields"],
            {
                "field": "field",
                "value": "value",
                "source": "source",
                "confidence": "confidence",
                "cost": "cents",
            },
        ),
    ):
        if rows:
            typer.echo(f"\n{title}")
            print_table(rows, columns, empty="")
    if explanation["counterfactuals"]:
        typer.echo("\nWhat would change its queue")
        for change in explanation["counterfactuals"]:
            typer.echo(f"  {change['says']}")


@app.command("import")
def import_leads(
    file: Annotated[Path, typer.Argument(help="CSV with a header, or JSON lines (.jsonl).", dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Send the leads in a file to the gateway; exit code 1 if a line is rejected."""
    from services.cli.leads_file import read_leads, send_leads

    lines = read_leads(file)
    show_progress = sys.stderr.isatty() and not as_json
    result = run_with_client(lambda client: send_leads(client, lines, show_progress=show_progress))
    if as_json:
        print_json(result)
    else:
        for rejected in result.problems:
            typer.echo(f"{file}:{rejected.line}: {rejected.problem}", err=True)
        typer.echo(f"{result.accepted} accepted, {len(result.problems)} not.")
    if result.problems:
        raise typer.Exit(1)

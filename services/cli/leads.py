"""`baton leads`, `timeline` and `explain`: events and explanation of a lead; import of leads from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from services.cli.accounts import echo_matching
from services.cli.client import request
from services.cli.imports.options import DryRun, Encoding, ErrorsPath, ImportOptions, ImportPath, Sheet
from services.cli.lead_clock import clock_line
from services.cli.output import AsJson, echo, print_json, print_rows, print_table

app = typer.Typer(help="Import leads.", no_args_is_help=True)

LeadId = Annotated[
    str, typer.Argument(metavar="LEAD", help="Id or alias of the lead, or the person's e-mail address.")
]

DecisionId = Annotated[
    str | None,
    typer.Option(
        "--decision",
        metavar="EVENT",
        help="Explain this decision: the id or sequence of an event; the latest one if left out.",
    ),
]


def lead_path(lead: str) -> str:
    """Return the API's path of a lead; the id of a person's lead follows from the e-mail address."""
    from shared.lead.ids import lead_id_of
    from shared.lead.normalise.emails import normalise_email

    email = normalise_email(lead) if "@" in lead else None
    return f"/v1/leads/{lead_id_of(f'email:{email.identity}') if email else lead}"


def timeline(lead: LeadId, as_json: AsJson = False) -> None:
    """Show every event of a lead in order, in words, and its clock; --json has the ids and the data."""
    entries = request("GET", f"{lead_path(lead)}/timeline")["data"]
    columns = {"at": "when", "type": "event", "says": "what", "outcome": "outcome"}
    if not as_json:
        from shared.lead.events.event_type import short_name

        entries = [
            entry | {"at": f"{entry['at'][:19]}Z", "type": short_name(entry["type"])} for entry in entries
        ]
    print_rows(entries, columns, empty="Nothing happened to this lead.", as_json=as_json)
    if entries and not as_json and (line := clock_line(request("GET", lead_path(lead)).get("clock") or {})):
        echo(line)


def echo_reasons(lead: str, explanation: Mapping[str, Any]) -> None:
    """Print who had or rejected the lead before, which decision gave it to its owner, and its reasons."""
    decision = explanation["decision"] or {"reasons": []}
    before = decision.get("owner_before") or {"rep": None}
    if before["rep"] is not None:
        accepted = ", accepted" if before["accepted"] else ""
        whose = {"lead": "the lead", "account": "another lead of the account", "crm": "the account"}[
            before["of"]
        ]
        echo(f"  before it, {before['rep']} owned {whose} ({before['queue']}{accepted})")
    for rejection in explanation.get("rejections") or ():
        echo(f"  {rejection['details']}")
    if explanation.get("given"):
        sequence = explanation["given"]["sequence"]
        echo(f"  why this rep and no other: baton explain {lead} --decision {sequence}")
    for reason in [] if decision.get("suppressed") else decision["reasons"]:
        echo(f"  {reason}")


def explain(lead: LeadId, decision_id: DecisionId = None, as_json: AsJson = False) -> None:
    """Explain a lead: score, rules, reps, fields, and what would have changed its queue."""
    parameters = {} if decision_id is None else {"decision": decision_id}
    explanation = request("GET", f"{lead_path(lead)}/explain", query=parameters)
    if as_json:
        print_json(explanation)
        return
    echo(explanation["summary"])
    score, decision = (
        explanation["score"] or {"lines": []},
        explanation["decision"] or {"reasons": [], "rules": [], "reps": []},
    )
    echo_reasons(lead, explanation)
    matching = explanation.get("matching")
    if matching and (matching["candidates"] or matching["by"] == "manual"):
        echo("\nAccount")
        echo_matching(matching)
    for title, rows, columns in (
        ("Score", score["lines"], {"part": "part", "rule": "rule", "points": "points", "why": "why"}),
        (
            "Rules",
            [
                rule | {"why": "; ".join(dict.fromkeys(leaf["says"] for leaf in rule["because"]))}
                for rule in decision["rules"]
            ],
            {"rule": "rule", "queue": "queue", "result": "result", "why": "why"},
        ),
        ("Reps", decision["reps"], {"rep": "rep", "result": "result", "says": "why"}),
        (
            "Since then",
            [
                change | {"by": actor.get("rep") or actor.get("key")}
                for change in explanation["since"]
                for actor in (change.get("actor") or {},)
            ],
            {"at": "when", "type": "what", "owner": "owner", "reason": "why", "by": "by"},
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
            echo(f"\n{title}")
            print_table(rows, columns, empty="")
    if explanation["counterfactuals"]:
        echo("\nWhat would change its queue")
        for change in explanation["counterfactuals"]:
            echo(f"  {change['says']}")


@app.command("account")
def choose_account(
    lead: LeadId,
    account: Annotated[str | None, typer.Argument(help="A domain of the account.")] = None,
    *,
    split: Annotated[bool, typer.Option("--split", help="Take the lead out of its account.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which account a lead is of; it holds until it is said otherwise."""
    if (account is None) is not split:
        raise typer.BadParameter("Name the domain of an account, or --split")
    accepted = request("POST", f"{lead_path(lead)}/account", body={"account": account, "reason": reason})
    if as_json:
        print_json(accepted)
    else:
        echo(f"{accepted['lead_id']}: {accepted['account'] or 'split from its account'}")


@app.command("import")
def import_leads(
    file: ImportPath,
    *,
    dry_run: DryRun = False,
    errors: ErrorsPath = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: AsJson = False,
) -> None:
    """Send the leads in a file to the gateway; exit code 1 if a row is not accepted.

    CSV with any separator and encoding, Excel workbooks (.xlsx), JSON lines or a JSON array. The format
    follows from the content. A row that was imported before and has not changed changes nothing: after a
    failure run the same command again.
    """
    from services.cli.imports.run import import_leads_file

    import_leads_file(file, ImportOptions(dry_run, errors, encoding, sheet, as_json))

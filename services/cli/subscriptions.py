"""`baton subscriptions`: who hears of which events by webhook."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import list_all, request
from services.cli.deliveries import print_attempt
from services.cli.output import AsJson, print_json, print_result, print_rows

app = typer.Typer(help="Who hears of which events by webhook.", no_args_is_help=True)

SubscriptionId = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Its id.")]
Events = Annotated[list[str] | None, typer.Option("--event", help="e.g. lead.routed, lead.*")]


@app.command("list")
def list_subscriptions(as_json: AsJson = False) -> None:
    """Show every subscription."""
    columns = {"id": "id", "url": "url", "events": "events", "state": "state"}
    print_rows(list_all("/v1/subscriptions"), columns, empty="No subscriptions.", as_json=as_json)


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="Where to POST.")],
    events: Events = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe an endpoint; its secret is shown this once."""
    body = {"url": url, "events": events or ["lead.routed"]}
    created = request("POST", "/v1/subscriptions", body=body)
    print_result(created, f"{created['id']}\nsecret (not shown again): {created['secret']}", as_json=as_json)


@app.command()
def update(
    subscription: SubscriptionId,
    url: Annotated[str | None, typer.Option(help="Where to POST from now on.")] = None,
    events: Events = None,
    active: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether to send at all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change where events are sent, which, or whether at all."""
    state = None if active is None else "active" if active else "disabled"
    changes = {"url": url, "events": events, "state": state}
    body = {name: value for name, value in changes.items() if value is not None}
    if not body:
        raise typer.BadParameter("say what is to be otherwise: --url, --event, --enable or --disable")
    changed = request("PATCH", f"/v1/subscriptions/{subscription}", body=body)
    text = f"{changed['state']}: {', '.join(changed['events'])} to {changed['url']}"
    print_result(changed, text, as_json=as_json)


@app.command()
def delete(subscription: SubscriptionId, as_json: AsJson = False) -> None:
    """End a subscription."""
    request("DELETE", f"/v1/subscriptions/{subscription}")
    print_result({"deleted": subscription}, "Ended.", as_json=as_json)


@app.command("test")
def send_test(subscription: SubscriptionId, as_json: AsJson = False) -> None:
    """Send an event that means nothing; exit code 1 when the endpoint does not take it."""
    print_attempt(request("POST", f"/v1/subscriptions/{subscription}/test"), as_json=as_json)


@app.command()
def rotate_secret(
    subscription: SubscriptionId,
    at_once: Annotated[bool, typer.Option("--at-once", help="The secret of before ends now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new secret, which is shown this once; for a day the one of before signs too."""
    body = {"overlap_s": 0} if at_once else {}
    rotated = request("POST", f"/v1/subscriptions/{subscription}/rotate-secret", body=body)
    if as_json:
        print_json(rotated)
        return
    typer.echo(f"secret (not shown again): {rotated['secret']}")
    typer.echo(f"The secret of before signs until {rotated['previous_until']}.")


@app.command()
def replay(
    subscription: SubscriptionId,
    since: Annotated[str, typer.Option(help="From when on, e.g. 2026-03-01T09:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="Before when; now, if it is not said.")] = None,
    failed_only: Annotated[bool, typer.Option("--failed-only", help="Only what was given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send again what was made within a time, under the ids that it had."""
    body = {"since": since, "failed_only": failed_only, **({"until": until} if until else {})}
    replayed = request("POST", f"/v1/subscriptions/{subscription}/replay", body=body)
    print_result(replayed, f"Sent again: {replayed['deliveries']}.", as_json=as_json)

"""`baton subscriptions`: endpoints and the events that they receive by webhook."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.client import list_all, request
from services.cli.deliveries import print_attempt
from services.cli.output import AsJson, echo, print_json, print_result, print_rows

app = typer.Typer(help="Manage webhook subscriptions.", no_args_is_help=True)

SubscriptionId = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Id of the subscription.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", help="Event type, such as lead.routed or lead.*; repeatable.")
]


@app.command("list")
def list_subscriptions(as_json: AsJson = False) -> None:
    """List subscriptions."""
    columns = {"id": "id", "url": "url", "events": "events", "state": "state"}
    print_rows(list_all("/v1/subscriptions"), columns, empty="No subscriptions.", as_json=as_json)


@app.command()
def create(
    url: Annotated[str, typer.Argument(help="URL of the endpoint.")],
    events: Events = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe an endpoint; its secret is shown only now."""
    body = {"url": url, "events": events or ["lead.routed"]}
    created = request("POST", "/v1/subscriptions", body=body)
    print_result(created, f"{created['id']}\nsecret (not shown again): {created['secret']}", as_json=as_json)


@app.command()
def update(
    subscription: SubscriptionId,
    url: Annotated[str | None, typer.Option(help="New URL of the endpoint.")] = None,
    events: Events = None,
    active: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Send events, or stop sending them.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change the URL, the events or the state of a subscription."""
    state = None if active is None else "active" if active else "disabled"
    changes = {"url": url, "events": events, "state": state}
    body = {name: value for name, value in changes.items() if value is not None}
    if not body:
        raise typer.BadParameter("give at least one of --url, --event, --enable and --disable")
    changed = request("PATCH", f"/v1/subscriptions/{subscription}", body=body)
    text = f"{changed['state']}: {', '.join(changed['events'])} to {changed['url']}"
    print_result(changed, text, as_json=as_json)


@app.command()
def delete(subscription: SubscriptionId, as_json: AsJson = False) -> None:
    """Delete a subscription."""
    request("DELETE", f"/v1/subscriptions/{subscription}")
    print_result({"deleted": subscription}, "Deleted.", as_json=as_json)


@app.command("test")
def send_test(subscription: SubscriptionId, as_json: AsJson = False) -> None:
    """Send a webhook.test event; exit code 1 if it is not delivered."""
    print_attempt(request("POST", f"/v1/subscriptions/{subscription}/test"), as_json=as_json)


@app.command()
def rotate_secret(
    subscription: SubscriptionId,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Stop signing with the previous secret immediately.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replace the secret; the new one is shown only now, and the previous one also signs for a day."""
    body = {"overlap_s": 0} if at_once else {}
    rotated = request("POST", f"/v1/subscriptions/{subscription}/rotate-secret", body=body)
    if as_json:
        print_json(rotated)
        return
    echo(f"secret (not shown again): {rotated['secret']}")
    echo(f"The previous secret also signs until {rotated['previous_until']}.")


@app.command()
def replay(
    subscription: SubscriptionId,
    since: Annotated[str, typer.Option(help="Start time, such as 2026-03-01T09:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="End time; default: now.")] = None,
    failed_only: Annotated[
        bool, typer.Option("--failed-only", help="Replay only deliveries that failed for good.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Deliver the events of a period again, with their original ids."""
    body = {"since": since, "failed_only": failed_only, **({"until": until} if until else {})}
    replayed = request("POST", f"/v1/subscriptions/{subscription}/replay", body=body)
    print_result(replayed, f"Deliveries queued again: {replayed['deliveries']}.", as_json=as_json)

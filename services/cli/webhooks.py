"""`baton subscriptions` and `baton deliveries`: who hears of which events, and what was sent to them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.client import ask, every
from services.cli.output import AsJson, print_json, print_table

subscriptions = typer.Typer(help="Who hears of which events by webhook.", no_args_is_help=True)
deliveries = typer.Typer(help="What was sent by webhook, or is to be.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Its id.")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id.")]
Events = Annotated[list[str] | None, typer.Option("--event", help="e.g. lead.routed, lead.*")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.add_typer(subscriptions, name="subscriptions")
    app.add_typer(deliveries, name="deliveries")


@subscriptions.command("list")
def list_subscriptions(as_json: AsJson = False) -> None:
    """Show every subscription."""
    found = ask(every("/v1/subscriptions"))
    if as_json:
        print_json(found)
        return
    columns = {"id": "id", "url": "url", "events": "events", "state": "state"}
    print_table(found, columns, none="No subscriptions.")


@subscriptions.command("create")
def create_subscription(
    url: Annotated[str, typer.Argument(help="Where to POST.")],
    events: Events = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe an endpoint; its secret is shown this once."""
    body = {"url": url, "events": events or ["lead.routed"]}
    made = ask(lambda client: client.call("POST", "/v1/subscriptions", body=body))
    if as_json:
        print_json(made)
        return
    typer.echo(f"{made['id']}\nsecret (not shown again): {made['secret']}")


@subscriptions.command("update")
def update_subscription(
    subscription: Id,
    url: Annotated[str | None, typer.Option(help="Where to POST from now on.")] = None,
    events: Events = None,
    active: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether to send at all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change where events are sent, which, or whether at all."""
    given = {"url": url, "events": events, "state": None if active is None else _STATES[active]}
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise typer.BadParameter("say what is to be otherwise: --url, --event, --enable or --disable")
    changed = ask(lambda client: client.call("PATCH", f"/v1/subscriptions/{subscription}", body=body))
    if as_json:
        print_json(changed)
    else:
        typer.echo(f"{changed['state']}: {', '.join(changed['events'])} to {changed['url']}")


@subscriptions.command("delete")
def delete_subscription(subscription: Id, as_json: AsJson = False) -> None:
    """End a subscription."""
    ask(lambda client: client.call("DELETE", f"/v1/subscriptions/{subscription}"))
    if as_json:
        print_json({"deleted": subscription})
    else:
        typer.echo("Ended.")


@subscriptions.command("test")
def try_subscription(subscription: Id, as_json: AsJson = False) -> None:
    """Send an event that means nothing; exit code 1 when the endpoint does not take it."""
    _sent(ask(lambda client: client.call("POST", f"/v1/subscriptions/{subscription}/test")), as_json=as_json)


@subscriptions.command("rotate-secret")
def rotate_secret(
    subscription: Id,
    at_once: Annotated[bool, typer.Option("--at-once", help="The secret of before ends now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new secret, which is shown this once; for a day the one of before signs too."""
    body = {"overlap_s": 0} if at_once else {}
    path = f"/v1/subscriptions/{subscription}/rotate-secret"
    made = ask(lambda client: client.call("POST", path, body=body))
    if as_json:
        print_json(made)
        return
    typer.echo(f"secret (not shown again): {made['secret']}")
    typer.echo(f"The secret of before signs until {made['previous_until']}.")


@subscriptions.command("replay")
def replay_subscription(
    subscription: Id,
    since: Annotated[str, typer.Option(help="From when on, e.g. 2026-03-01T09:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="Before when; now, if it is not said.")] = None,
    failed_only: Annotated[bool, typer.Option("--failed-only", help="Only what was given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send again what was made within a time, under the ids that it had."""
    body = {"since": since, "failed_only": failed_only, **({"until": until} if until else {})}
    path = f"/v1/subscriptions/{subscription}/replay"
    ordered = ask(lambda client: client.call("POST", path, body=body))
    if as_json:
        print_json(ordered)
    else:
        typer.echo(f"Sent again: {ordered['deliveries']}.")


@deliveries.command("list")
def list_deliveries(
    subscription: Annotated[str, typer.Argument(help="Id of a subscription, or queue:NAME.")],
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was sent to an endpoint or is to be, the newest first."""
    path = f"/v1/subscriptions/{subscription}/deliveries"
    found = ask(lambda client: client.call("GET", path, query={"limit": str(limit)}))["data"]
    if as_json:
        print_json(found)
        return
    columns = {
        "id": "id",
        "created_at": "since",
        "event_type": "what",
        "state": "state",
        "attempts": "attempts",
        "last_status": "answered",
        "last_error": "error",
        "next_attempt_at": "next",
    }
    print_table(found, columns, none="Nothing was sent.")


@deliveries.command("show")
def show_delivery(delivery: DeliveryId, as_json: AsJson = False) -> None:
    """Show a delivery, with the attempts that were not taken."""
    found = ask(lambda client: client.call("GET", f"/v1/deliveries/{delivery}"))
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found['event_type']} {found['event_id']} to {found['url']}: {_came_of(found)}")
    columns = {"at": "when", "status": "answered", "error": "error"}
    print_table(found["failures"], columns, none="No attempt failed.")


@deliveries.command("retry")
def retry_delivery(delivery: DeliveryId, as_json: AsJson = False) -> None:
    """Send a delivery now, whatever became of it before; exit code 1 when it is not taken."""
    _sent(ask(lambda client: client.call("POST", f"/v1/deliveries/{delivery}/retry")), as_json=as_json)


_STATES = {True: "active", False: "disabled"}


def _sent(told: dict[str, Any], *, as_json: bool) -> None:
    """Say what came of what was sent; without a state it was not tried yet."""
    if as_json:
        print_json(told)
    else:
        typer.echo(f"{told['id']}: {_came_of(told)}")
    if told.get("state") != "delivered":
        raise typer.Exit(1)


def _came_of(told: dict[str, Any]) -> str:
    if "state" not in told:
        return "not tried yet"
    if told["state"] == "delivered":
        return f"delivered at {told['delivered_at']}"
    return f"{told['state']}, {told['last_error'] or 'not tried yet'}"

"""`baton deliveries`: webhook deliveries and their attempts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.client import request
from services.cli.output import AsJson, echo, print_json, print_result, print_rows, print_table

app = typer.Typer(help="Inspect and retry webhook deliveries.", no_args_is_help=True)

DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Id of the delivery.")]

_COLUMNS = {
    "id": "id",
    "created_at": "created",
    "event_type": "event",
    "state": "state",
    "attempts": "attempts",
    "last_status": "status",
    "last_error": "error",
    "next_attempt_at": "next",
}


@app.command("list")
def list_deliveries(
    subscription: Annotated[
        str, typer.Argument(help="Subscription id, or queue:NAME for a queue's destination.")
    ],
    limit: Annotated[int, typer.Option(help="Maximum number to list.", min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the deliveries to an endpoint, newest first."""
    path = f"/v1/subscriptions/{subscription}/deliveries"
    deliveries = request("GET", path, query={"limit": str(limit)})["data"]
    print_rows(deliveries, _COLUMNS, empty="No deliveries.", as_json=as_json)


@app.command()
def show(delivery: DeliveryId, as_json: AsJson = False) -> None:
    """Show a delivery with its failed attempts."""
    found = request("GET", f"/v1/deliveries/{delivery}")
    if as_json:
        print_json(found)
        return
    echo(f"{found['event_type']} {found['event_id']} to {found['url']}: {_result_of(found)}")
    columns = {"at": "when", "status": "status", "error": "error"}
    print_table(found["failures"], columns, empty="No attempt failed.")


@app.command()
def retry(delivery: DeliveryId, as_json: AsJson = False) -> None:
    """Send a delivery now, in any state; exit code 1 if it is not delivered."""
    print_attempt(request("POST", f"/v1/deliveries/{delivery}/retry"), as_json=as_json)


def print_attempt(delivery: dict[str, Any], *, as_json: bool) -> None:
    """Print the result of an attempt; exit code 1 unless it was delivered.

    A delivery without a `state` is a command that the router has not carried out yet.
    """
    print_result(delivery, f"{delivery['id']}: {_result_of(delivery)}", as_json=as_json)
    if delivery.get("state") != "delivered":
        raise typer.Exit(1)


def _result_of(delivery: dict[str, Any]) -> str:
    if "state" not in delivery:
        return "not tried yet"
    if delivery["state"] == "delivered":
        return f"delivered at {delivery['delivered_at']}"
    return f"{delivery['state']}, {delivery['last_error'] or 'not tried yet'}"

"""`baton listen`: a webhook receiver on this machine that verifies, prints and forwards deliveries."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.output import AsJson


def listen(
    port: Annotated[int, typer.Option(help="Port to listen on (0: any free one).", min=0, max=65535)] = 9400,
    secret: Annotated[str | None, typer.Option(help="Secret of the subscription (whsec_…).")] = None,
    forward: Annotated[str | None, typer.Option(help="URL to forward verified webhooks to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Receive webhooks on this machine, verify their signatures, and print them."""
    from services.cli.webhook_receiver import receive_webhooks

    receive_webhooks(port, secret, forward, as_json=as_json)

"""Serves the stub providers."""

from __future__ import annotations

import asyncio

from services.provider_stubs.app import create_app
from shared.clock import Clock
from shared.http.server import HttpServer
from shared.settings import StubsSettings


def stub_server(clock: Clock, settings: StubsSettings) -> HttpServer:
    """Return the stubs' server, not started."""
    # A call that hangs on purpose must not hold up the end.
    return HttpServer(
        create_app(clock),
        host=settings.http_host,
        port=settings.stubs_port,
        port_field="stubs_port",
        drain_s=1,
    )


async def run(clock: Clock, stop: asyncio.Event, settings: StubsSettings) -> None:
    """Serve until `stop`."""
    server = stub_server(clock, settings)
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop()

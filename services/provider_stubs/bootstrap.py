"""Serves the stub providers."""

from __future__ import annotations

import asyncio

from services.provider_stubs.app import create_app
from shared.clock import Clock
from shared.settings import StubsSettings
from shared.web.server import HttpServer


class StubServer(HttpServer):
    """The stubs' server. Calls that hang on purpose do not hold up its end."""

    def __init__(self, clock: Clock, settings: StubsSettings) -> None:
        self._ending = asyncio.Event()
        super().__init__(
            create_app(clock, self._ending),
            host=settings.http_host,
            port=settings.stubs_port,
            port_field="stubs_port",
            drain_s=1,
        )

    async def stop(self) -> None:
        self._ending.set()
        await super().stop()


def stub_server(clock: Clock, settings: StubsSettings) -> StubServer:
    """Return the stubs' server, not started."""
    return StubServer(clock, settings)


async def run(clock: Clock, stop: asyncio.Event, settings: StubsSettings) -> None:
    """Serve until `stop`."""
    server = stub_server(clock, settings)
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop()

"""Serves the stub providers."""

from __future__ import annotations

import asyncio

from services.provider_stubs.app import create_app
from shared.clock import Clock
from shared.integrations.catalog import Integrations, built_in_integrations
from shared.settings import StubsSettings
from shared.web.server import HttpServer, connection_limits


class StubServer(HttpServer):
    """The stubs' server, not started; it plays the built-in vendors unless others are given.

    When it stops, calls that hang on purpose get their answer.
    """

    def __init__(
        self, clock: Clock, settings: StubsSettings, integrations: Integrations | None = None
    ) -> None:
        self._stopping = asyncio.Event()
        super().__init__(
            create_app(clock, self._stopping, integrations or built_in_integrations()),
            host=settings.http_host,
            port=settings.stubs_port,
            port_field="stubs_port",
            drain_s=1,
            limits=connection_limits(settings),
        )

    async def stop(self) -> None:
        self._stopping.set()
        await super().stop()


async def run(clock: Clock, stop: asyncio.Event, settings: StubsSettings, integrations: Integrations) -> None:
    """Serve the vendors of `integrations` until `stop` is set."""
    server = StubServer(clock, settings, integrations)
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop()

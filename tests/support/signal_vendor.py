"""A data vendor that only answers, over HTTP: Apollo's organisations, with the rounds that the test gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class SignalVendorSimulator:
    """Answers `GET /api/v1/organizations/enrich?domain=…`. `asked` has the domain and the key of each request.

    `reply` replaces the status and the headers of all answers while it is set.
    """

    def __init__(self) -> None:
        self.rounds: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.reply: tuple[int, Mapping[str, str]] | None = None
        self.port = 0

    @property
    def domains(self) -> list[str]:
        """The domains that were asked about, in order."""
        return [domain for domain, _key in self.asked]

    async def answer(self, request: web.Request) -> web.Response:
        domain = request.query.get("domain", "")
        self.asked.append((domain, request.headers.get("x-api-key", "")))
        if self.reply is not None:
            status, headers = self.reply
            return web.json_response({"error": "no"}, status=status, headers=headers)
        if domain not in self.rounds:
            return web.json_response({"organization": None})
        events = self.rounds[domain]
        organization = {"id": f"id of {domain}", "primary_domain": domain, "funding_events": events}
        return web.json_response({"organization": organization})


@asynccontextmanager
async def running_vendor() -> AsyncIterator[SignalVendorSimulator]:
    """Serve a vendor on a free port of this machine."""
    vendor = SignalVendorSimulator()
    app = web.Application()
    app.router.add_get("/api/v1/organizations/enrich", vendor.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vendor.port = runner.addresses[0][1]
    try:
        yield vendor
    finally:
        await runner.cleanup()

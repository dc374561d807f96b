"""A data vendor's server without a network, and a client of it, for tests in virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2

from services.enricher.provider_client import ProviderClient
from services.enricher.vendor_jobs import JobStore
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.rules.times import Duration
from tests.support.fixed_clock import FixedClock
from tests.support.integrations import INTEGRATIONS


class VendorSimulator(httpx2.AsyncBaseTransport):
    """The server of a data vendor: sends its replies in turn, the last one again and again; notes when it was called."""

    def __init__(self, *replies: httpx2.Response | Exception, takes_s: float = 0.0) -> None:
        self.called_at: list[float] = []
        self.requests: list[httpx2.Request] = []
        self.in_flight_max = 0
        self._in_flight = 0
        self._replies = list(replies)
        self._takes_s = takes_s

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.called_at.append(asyncio.get_running_loop().time())
        self.requests.append(request)
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        try:
            await asyncio.sleep(self._takes_s)
        finally:
            self._in_flight -= 1
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx2.Response(
            reply.status_code, headers=reply.headers, stream=httpx2.ByteStream(reply.content)
        )


def client_of(
    vendor: VendorSimulator, *, name: str = "apollo", jobs: JobStore | None = None, **terms: Any
) -> ProviderClient:
    defaults: dict[str, Any] = {"price_cents": 8, "per_second": 1_000, "timeout": Duration(2)}
    return ProviderClient(
        name,
        Provider(integration=name, base_url="", **(defaults | terms)),
        INTEGRATIONS[name],
        key="secret",
        http=httpx2.AsyncClient(transport=vendor, base_url="https://vendor.example/base"),
        clock=FixedClock(datetime(2026, 3, 1, tzinfo=UTC)),
        metrics=Metrics(),
        jobs=jobs,
        monotonic_s=asyncio.get_running_loop().time,
    )

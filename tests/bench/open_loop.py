"""Forms at a steady rate, whatever the answers take, and a webhook endpoint that verifies what comes of them.

A lead's time counts from the moment at which its form was due, so a server that stalls is not asked less.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from statistics import quantiles
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct

from shared.web.signing import verify

_ARRIVED_WITHIN_S = 60.0
_serial = count(1)


class _Named(Struct):
    lead_id: str


class _Told(Struct):
    type: str
    data: _Named


_decode_answer = msgspec.json.Decoder(_Named).decode
_decode_told = msgspec.json.Decoder(_Told).decode


class Percentiles(Struct, frozen=True):
    """Of latencies, in milliseconds. `missing` is how many never arrived."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    missing: int = 0

    @classmethod
    def of(cls, seconds: list[float], missing: int = 0) -> Self:
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(cuts[49] * 1e3, cuts[98] * 1e3, max(seconds) * 1e3, missing)

    def __str__(self) -> str:
        lost = f", {self.missing} missing" if self.missing else ""
        return f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, max {self.max_ms:.0f} ms{lost}"


class VerifyingEndpoint:
    """A webhook endpoint; `arrived` has when each lead's `lead.routed` first came with a valid signature."""

    def __init__(self) -> None:
        self.secret = ""
        self.arrived: dict[str, float] = {}
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        verify(self.secret, headers, body, datetime.now(UTC))
        told = _decode_told(body)
        if told.type == "lead.routed":
            self.arrived.setdefault(told.data.lead_id, time.perf_counter())
        return web.Response(status=204)


@asynccontextmanager
async def subscribed(url: str, admin_key: str) -> AsyncIterator[VerifyingEndpoint]:
    """Run an endpoint in this process and subscribe it to `lead.routed` of the Baton at `url`."""
    endpoint = VerifyingEndpoint()
    app = web.Application()
    app.router.add_post("/hook", endpoint.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0]
        asked = {"url": f"http://{host}:{port}/hook", "events": ["lead.routed"]}
        headers = {"authorization": f"Bearer {admin_key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{url}/v1/subscriptions", json=asked) as answer,
        ):
            assert answer.status == 201, await answer.text()
            endpoint.secret = (await answer.json())["secret"]
        yield endpoint
    finally:
        await runner.cleanup()


async def form_to_webhook(
    url: str, endpoint: VerifyingEndpoint, per_s: float, seconds: float
) -> tuple[Percentiles, Percentiles]:
    """Send forms for so long; return what the webhooks took, and what the answers took."""
    run = f"r{uuid.uuid4().hex[:8]}"
    due: dict[str, float] = {}
    answers: list[float] = []

    async def send(http: aiohttp.ClientSession, due_at: float) -> None:
        async with http.post(f"{url}/hooks/forms/website", json=_form(run)) as answer:
            body = await answer.read()
            assert answer.status == 202, body
        answers.append(time.perf_counter() - due_at)
        due[_decode_answer(body).lead_id] = due_at

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as tasks:
        await at_rate(per_s, seconds, lambda due_at: tasks.create_task(send(http, due_at)))
    deadline = time.perf_counter() + _ARRIVED_WITHIN_S
    while not due.keys() <= endpoint.arrived.keys() and time.perf_counter() < deadline:
        await asyncio.sleep(0.05)
    took = [endpoint.arrived[lead] - due_at for lead, due_at in due.items() if lead in endpoint.arrived]
    return Percentiles.of(took, len(due) - len(took)), Percentiles.of(answers)


async def at_rate(per_s: float, seconds: float, begin: Callable[[float], object]) -> None:
    """Call `begin` so often a second, with the time at which it was due; late calls are made up at once."""
    began = time.perf_counter()
    for number in range(round(per_s * seconds)):
        due_at = began + number / per_s
        if (wait_s := due_at - time.perf_counter()) > 0:
            await asyncio.sleep(wait_s)
        begin(due_at)


def _form(run: str) -> dict[str, Any]:
    """Return a form by somebody new; two in three share their account with others."""
    serial = next(_serial)
    domain = f"{run}-{serial if serial % 3 == 0 else serial // 6}.example"
    return {
        "email": f"ana.{serial}@{domain}",
        "first_name": "Ana",
        "last_name": f"Lee {serial}",
        "job_title": "VP Sales",
        "company_size": "201-500",
        "country": "US",
        "message": "We lose two days a week to hand-made reports and want a demo before the summer.",
        "consent": "yes",
    }

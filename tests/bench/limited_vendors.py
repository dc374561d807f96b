"""How long leads take to their webhook while no vendor knows their companies and takes ten calls a second.

Twenty leads a second come, each with a company of its own, so that the vendors can be asked about a small part
of what the leads lack. Afterwards single leads come, while the others are looked up again. `baton up` with the
default policy runs in a process of its own; its webhooks tell when a lead was routed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Final

import httpx

from tests.support.topology import Topology

VENDORS: Final = ("peopledatalabs", "apollo", "clearbit", "hunter", "zerobounce")
PER_SECOND: Final = 10
LEADS_A_SECOND: Final = 20
SECONDS: Final = 20
_SINGLES: Final = 20
_WITHIN_S: Final = 90.0
GOAL_S: Final = 1.5


async def limited_vendors() -> list[str]:
    """Return the measured times as lines of text."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        topology = Topology(Path(folder), extra={"BATON_LOG_LEVEL": "error"})
        try:
            await asyncio.to_thread(topology.start)
            headers = {"authorization": f"Bearer {topology.secrets.admin_key}"}
            stubs_url = topology.environ["BATON_PROVIDERS_URL"]
            async with (
                httpx.AsyncClient(base_url=topology.url, headers=headers, timeout=_WITHIN_S) as baton,
                httpx.AsyncClient(base_url=stubs_url, timeout=_WITHIN_S) as stubs,
                asyncio.timeout(3 * _WITHIN_S),
            ):
                for vendor in VENDORS:
                    limit = await stubs.put(f"/faults/{vendor}", json={"rate": 0, "per_second": PER_SECOND})
                    limit.raise_for_status()
                return await _Leads(baton).measure()
        finally:
            topology.remove()


class _Leads:
    """Leads that were posted, and when the webhook of each came."""

    def __init__(self, baton: httpx.AsyncClient) -> None:
        self._baton = baton
        self._posted: dict[str, float] = {}
        self._routed: dict[str, float] = {}

    async def measure(self) -> list[str]:
        server = await asyncio.start_server(self._receive, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            subscription = {"url": f"http://{host}:{port}/", "events": ["lead.routed"]}
            (await self._baton.post("/v1/subscriptions", json=subscription)).raise_for_status()
            await self._post_at(LEADS_A_SECOND, "load", LEADS_A_SECOND * SECONDS)
            await self._await_routed()
            load_s = self._taken_s("load")
            await self._post_at(2, "single", _SINGLES)
            await self._await_routed()
            single_s = self._taken_s("single")
        load = f"{LEADS_A_SECOND} leads/s that no vendor knows, {PER_SECOND} calls/s a vendor"
        return [
            f"POST to webhook, {load}: {_percentiles(load_s)} (goal p50 below {GOAL_S} s)",
            f"single leads afterwards, beside the second looks: {_percentiles(single_s)}",
        ]

    async def _post_at(self, a_second: int, name: str, count: int) -> None:
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                await asyncio.sleep(max(began_s + number / a_second - time.monotonic(), 0))
                tasks.create_task(self._post(f"kim@{name}{number}.example"))

    async def _post(self, email: str) -> None:
        self._posted[email] = time.monotonic()
        lead = {"person": {"email": email, "last_name": "Reyes"}, "message": "Please send us a quote."}
        (await self._baton.post("/v1/leads", json=lead)).raise_for_status()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take webhooks on one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                person = json.loads(await reader.readexactly(length))["data"]["person"]
                self._routed.setdefault(person["email"], time.monotonic())
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async def _await_routed(self) -> None:
        async with asyncio.timeout(_WITHIN_S):
            while self._posted.keys() - self._routed.keys():
                await asyncio.sleep(0.05)

    def _taken_s(self, name: str) -> Sequence[float]:
        return [
            self._routed[email] - at for email, at in self._posted.items() if email.startswith(f"kim@{name}")
        ]


def _percentiles(taken_s: Sequence[float]) -> str:
    of_100 = quantiles(taken_s, n=100)
    return f"p50 {of_100[49]:.2f} s, p90 {of_100[89]:.2f} s, p99 {of_100[98]:.2f} s, max {max(taken_s):.2f} s"

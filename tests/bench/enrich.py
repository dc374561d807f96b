"""`enrich`: the memory of one enricher while 500 leads wait for providers, against 300 MiB.

Beside it: leads a second whose answers are all kept already, what a slow provider does to such leads, and how long
leads take while vendors take fewer calls than are wanted (`limited_vendors`).
The enricher and the provider stubs are processes of their own, over Kafka, on SQLite. Providers take as many
questions at once as there are leads: at the default policy's pace most leads would be done without them.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Final, NamedTuple

import httpx
import msgspec
import psutil
from msgspec.structs import replace

from shared.clock import SystemClock
from shared.lead.events.envelope import Event, encode
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Person
from shared.messaging.kafka import KafkaStream
from shared.messaging.port import Sink, Source, publish
from shared.storage.migrate import migrate
from shared.worker.consumer import ConsumerLimits
from tests.bench.figure import Figure
from tests.bench.limited_vendors import limited_vendors
from tests.bench.services import Services
from tests.support.topology import RoleProcess, Topology

IN_FLIGHT: Final = ConsumerLimits().records_in_flight
_MEMORY: Final = 300 * 2**20
_GOAL: Final = 1.0
_COMPANIES: Final = 20
_KNOWN: Final = 5_000
_STEADY, _A_SECOND, _SLOW = 400, 100, 40
_LATENCY_MS: Final = 1_500
"""Less than a provider may take, so that it is slow and does not fail."""
_PROVIDERS: Final = ("peopledatalabs", "apollo", "clearbit", "hunter", "zerobounce")
_WITHIN_S: Final = 60.0
_POLICY: Final = Path(__file__).parents[2] / "config"


async def enrich(services: Services) -> Figure:
    """Measure the figure. The memory is the greatest resident set while the leads are in flight."""
    prefix = f"enrich{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        topology = Topology(
            Path(folder),
            stream_url=f"kafka://{services.kafka}",
            prefix=prefix,
            extra={"BATON_POLICY_DIR": str(_hurried(Path(folder) / "policy"))},
        )
        await migrate(topology.database_url)
        stream = KafkaStream(
            [services.kafka], prefix=prefix, partitions=6, retention_days=1, create_topics=True
        )
        await stream.open()
        sink, source = await stream.sink(), await stream.source("bench", ["leads.enriched.v1"], _let_go)
        try:
            with _started(topology) as enricher:
                figure = await _Bench(topology, enricher, sink, source).figure()
        finally:
            await source.close()
            await sink.close()
            await stream.close()
    return replace(figure, details=[*figure.details, *await limited_vendors()])


class _Waits(NamedTuple):
    """How long leads take, in milliseconds."""

    median: float
    p99: float

    def line(self) -> str:
        return f"median {self.median:.0f} ms, p99 {self.p99:.0f} ms"


class _Bench:
    """Sends leads to the one enricher, and sees when each comes out."""

    def __init__(self, topology: Topology, enricher: RoleProcess, sink: Sink, source: Source) -> None:
        self._stubs = topology.environ["BATON_PROVIDERS_URL"]
        self._memory = psutil.Process(enricher.pid)
        self._sink = sink
        self._source = source
        self._came: dict[str, float] = {}

    async def figure(self) -> Figure:
        at_rest = self._memory.memory_info().rss
        kept = [f"kept{number}.example" for number in range(_COMPANIES)]
        await self._through(_emails("first", kept, _COMPANIES))
        began = time.perf_counter()
        await self._through(_emails("known", kept, _KNOWN))
        a_second = _KNOWN / (time.perf_counter() - began)
        alone = await self._steady("alone", kept)
        await self._slow_down()
        slow = _emails("slow", [f"slow{number}.example" for number in range(_SLOW)], _SLOW)
        await self._send(slow)
        beside = await self._steady("beside", kept)
        await self._come(set(slow))
        most = await self._most_memory()
        details = [
            f"{most / 2**20:.0f} MiB with {IN_FLIGHT} look-ups in flight, {at_rest / 2**20:.0f} MiB at rest",
            f"{a_second:,.0f} leads/s whose answers are kept",
            f"such leads at {_A_SECOND} a second: {alone.line()}",
            f"the same beside {_SLOW} that wait for a slow provider: {beside.line()}",
        ]
        return Figure("enrich", round(_MEMORY / most, 3), _GOAL, details)

    async def _most_memory(self) -> int:
        """Return the most that the process held while twice as many leads waited as it takes at once."""
        companies = [f"wait{number}.example" for number in range(2 * IN_FLIGHT)]
        waiting, began_s = _emails("wait", companies, len(companies)), time.monotonic()
        await self._send(waiting)
        coming = asyncio.create_task(self._come(set(waiting)))
        most = 0
        while not coming.done():
            most = max(most, self._memory.memory_info().rss)
            await asyncio.sleep(0.1)
        times = await coming
        assert min(times.values()) - began_s > _LATENCY_MS / 1000, "a lead did not wait for any provider"
        return most

    async def _steady(self, name: str, companies: Sequence[str]) -> _Waits:
        """Return how long leads take which come at a steady pace."""
        emails = _emails(name, companies, _STEADY)
        coming = asyncio.create_task(self._come(set(emails)))
        sent: dict[str, float] = {}
        for email in emails:
            sent[email] = time.monotonic()
            await self._send([email])
            await asyncio.sleep(max(sent[emails[0]] + len(sent) / _A_SECOND - time.monotonic(), 0))
        came = await coming
        percentiles = quantiles((came[email] - sent[email] for email in emails), n=100)
        return _Waits(percentiles[49] * 1000, percentiles[98] * 1000)

    async def _through(self, emails: Sequence[str]) -> None:
        await self._send(emails)
        await self._come(set(emails))

    async def _send(self, emails: Sequence[str]) -> None:
        now = SystemClock().now()
        await publish(
            self._sink,
            [
                encode(
                    Event(
                        f"event-{email}",
                        "/bench",
                        "baton.lead.received.v1",
                        "",
                        now,
                        LeadReceivedV1(person=Person(email=email, title="CFO")),
                    )
                )
                for email in emails
            ],
        )

    async def _come(self, emails: set[str]) -> dict[str, float]:
        """Return when each of these leads was seen to come out."""
        async with asyncio.timeout(_WITHIN_S):
            while not emails <= self._came.keys():
                records = (await self._source.poll(1_000, 0.05)).records
                now = time.monotonic()
                for record in records:
                    lead = msgspec.json.decode(record.value or b"", type=LeadEnrichedV1)
                    self._came.setdefault(lead.person.email or "", now)
        return {email: self._came[email] for email in emails}

    async def _slow_down(self) -> None:
        async with httpx.AsyncClient(base_url=self._stubs) as http:
            for provider in _PROVIDERS:
                answer = await http.put(f"/faults/{provider}", json={"latency_ms": _LATENCY_MS})
                answer.raise_for_status()


def _hurried(folder: Path) -> Path:
    """Write the default policy to a folder, with providers that take more at once and in a second."""
    shutil.copytree(_POLICY, folder)
    file = folder / "providers.yaml"
    text = file.read_text()
    for pace, faster in (("per_second: 10", "per_second: 1000"), ("in_flight: 5", f"in_flight: {IN_FLIGHT}")):
        assert pace in text
        text = text.replace(pace, faster)
    file.write_text(text)
    return folder


@contextmanager
def _started(topology: Topology) -> Iterator[RoleProcess]:
    (enricher,), (stubs,) = topology.named("enricher"), topology.named("provider-stubs")
    try:
        for process in (stubs, enricher):
            process.start()
            process.await_ready()
        yield enricher
    finally:
        topology.remove()


def _emails(name: str, companies: Sequence[str], count: int) -> list[str]:
    return [f"{name}{number}@{companies[number % len(companies)]}" for number in range(count)]


async def _let_go(_partitions: object) -> None: ...

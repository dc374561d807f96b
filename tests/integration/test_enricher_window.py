"""The enricher as a role: its window over the embedded stream, asking the stub provider over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from services.enricher.bootstrap import run
from shared.clock import SystemClock
from shared.health import Health
from shared.lead.events.envelope import Event, encode
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person
from shared.messaging.connect import connect
from shared.messaging.port import Record, Source, Stream, publish
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.load import texts_in
from shared.policy.versions import PolicyWatch, check_policy, seed
from shared.settings import EnricherSettings, load
from shared.storage.database import Database
from shared.worker.role import Resources
from tests.support.databases import create_tables

RECEIVED, ENRICHED, DEAD = "leads.received.v1", "leads.enriched.v1", "dead-letters.v1"
PROVIDERS = ("peopledatalabs", "apollo", "clearbit", "hunter", "zerobounce")
PARTITIONS = 1  # so that every lead is behind the slow ones


@dataclass
class Running:
    stream: Stream
    enriched: Source
    stubs: httpx2.AsyncClient

    async def send(self, *forms: LeadReceivedV1) -> None:
        sink = await self.stream.sink()
        out = [
            encode(
                Event(f"event-{form.person.email}", "/test", "baton.lead.received.v1", "", clock.now(), form)
            )
            for form in forms
        ]
        await publish(sink, out)
        await sink.close()

    async def take(self, count: int, within_s: float = 60) -> dict[str | None, LeadEnrichedV1]:
        records: list[Record] = []
        async with asyncio.timeout(within_s):
            while len(records) < count:
                records += (await self.enriched.poll(100, 0.1)).records
        leads = [msgspec.json.decode(record.value or b"", type=LeadEnrichedV1) for record in records]
        return {lead.person.email: lead for lead in leads}

    async def fault(self, *providers: str, **fault: Any) -> None:
        for provider in providers or PROVIDERS:
            assert (await self.stubs.put(f"/faults/{provider}", json=fault)).status_code == 200

    async def calls(self) -> list[dict[str, Any]]:
        return list((await self.stubs.get("/calls")).json()["data"])


clock = SystemClock()


@pytest.fixture
def policy_files(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """The files of `config`; a test may give look-ups and calls another time limit, such as `10m`."""
    files = dict(texts_in(Path("config")))
    if limit := getattr(request, "param", None):
        pattern = r"^( *)(deadline|timeout): \w+"
        files["providers.yaml"] = re.sub(
            pattern, rf"\1\2: {limit}", files["providers.yaml"], flags=re.MULTILINE
        )
    return files


@pytest.fixture
async def running(tmp_path: Path, stubs_url: str, policy_files: Mapping[str, str]) -> AsyncIterator[Running]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'tables.db'}"
    await create_tables(url)
    stream = connect(
        "embedded:",
        data_dir=tmp_path,
        prefix="baton",
        partitions=PARTITIONS,
        retention_days=7,
        clock=clock,
        create_topics=True,
    )
    await stream.open()
    database = Database(url)
    first = await check_policy(policy_files)
    async with database.begin() as tx:
        await seed(tx, first, at=clock.now())
    policy = PolicyWatch(database)
    await policy.start()
    resources = Resources(
        clock=clock,
        database=database,
        stream=stream,
        policy=policy,
        health=Health(),
        metrics=Metrics(),
        tracing=Tracing(None),
        secret=b"secret",
        partitions=PARTITIONS,
    )
    environ = {
        "BATON_SECRET_KEY": "secret",
        "BATON_PROVIDERS_URL": stubs_url,
        "BATON_PROVIDERS_ALLOW": "127.0.0.0/8",
    }
    settings = load(EnricherSettings, environ)
    stop = asyncio.Event()
    source = await stream.source("test", [ENRICHED], _let_go)
    role = asyncio.create_task(run(resources, stop, settings))
    async with httpx2.AsyncClient(base_url=stubs_url, timeout=60) as http:
        yield Running(stream, source, http)
    stop.set()
    async with asyncio.timeout(60):
        await role
    await source.close()
    await stream.close()
    await resources.database.close()


async def _let_go(_partitions: object) -> None: ...


def form(email: str, company: Company | None = None) -> LeadReceivedV1:
    return LeadReceivedV1(person=Person(email=email), company=company or Company())


KNOWN = Company(employees=10, industry="software", country="US")


async def test_a_lead_is_enriched_by_the_waterfall(running):
    await running.send(form("ana@ironharbor.example"), form("ben@nowhere.example"))
    leads = await running.take(2)
    ana = leads["ana@ironharbor.example"]
    assert (ana.company.employees, ana.company.industry, ana.company.country) == (8000, "manufacturing", "DE")
    assert ana.provenance["company.employees"].source == "apollo"
    assert [(step.provider, step.outcome) for step in ana.enrichment.steps] == [
        ("peopledatalabs", "no_match"),
        ("apollo", "match"),
    ]
    nobody = leads["ben@nowhere.example"].enrichment
    assert ({step.outcome for step in nobody.steps}, nobody.cost) == ({"no_match"}, 0)
    assert nobody.status == "complete"


async def test_many_leads_of_an_account_share_one_provider_call(running):
    await running.fault(latency_ms=300)
    await running.send(*(form(f"p{n}@brightloom.example") for n in range(20)))
    leads = await running.take(20)
    assert {lead.company.employees for lead in leads.values()} == {350}
    assert sum(lead.enrichment.cost for lead in leads.values()) == 10
    assert len(await running.calls()) == 1


@pytest.mark.parametrize("policy_files", ["10m"], indirect=True)
async def test_a_provider_that_hangs_holds_up_its_own_leads_only(running, stub_server):
    """With ten minutes for every call, a lead behind a hanging one would not arrive within this test."""
    await running.fault(hang=True)
    await running.send(
        form("slow@brightloom.example"),
        *(form(f"p{n}@company{n}.example", KNOWN) for n in range(50)),
        form("slow@stormfall.example"),
        form("fast@gmail.com", KNOWN),
    )
    quick = await running.take(51)
    assert not any(email and email.startswith("slow") for email in quick)
    await stub_server.stop()  # which ends the calls that hang, with an error
    late = await running.take(2)
    for lead in late.values():
        assert lead.enrichment.status == "incomplete"
        assert {step.outcome for step in lead.enrichment.steps} == {"failed"}


FAULTS: list[dict[str, Any]] = [
    {"status": 500},
    {"malformed": True},
    {"status": 429},
    {"hang": True},
    {"latency_ms": 5000},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_no_lead_is_lost_when_every_provider_fails(running, fault):
    """Every provider fails: each lead goes on, incomplete, and nothing was paid."""
    await running.fault(**fault)
    await running.send(*(form(f"p@company{n}.example") for n in range(10)), form("ana@brightloom.example"))
    leads = await running.take(11)
    for lead in leads.values():
        assert (lead.enrichment.status, lead.enrichment.cost) == ("incomplete", 0)
        assert not {step.outcome for step in lead.enrichment.steps} & {"match", "no_match"}


async def test_the_next_provider_is_asked_when_one_fails(running):
    await running.fault("peopledatalabs", status=500)
    await running.send(form("ana@brightloom.example"))
    lead = (await running.take(1))["ana@brightloom.example"]
    assert (lead.company.employees, lead.enrichment.status) == (350, "complete")
    assert [(step.provider, step.outcome) for step in lead.enrichment.steps] == [
        ("peopledatalabs", "failed"),
        ("apollo", "match"),
    ]


async def test_a_form_that_identifies_nobody_is_dead_lettered(running):
    dead = await running.stream.source("test-dead", [DEAD], _let_go)
    await running.send(LeadReceivedV1(person=Person(first_name="Ana")), form("ben@gmail.com"))
    assert set(await running.take(1)) == {"ben@gmail.com"}
    letters: list[Record] = []
    async with asyncio.timeout(60):
        while not letters:
            letters += (await dead.poll(10, 0.1)).records
    await dead.close()
    assert dict(letters[0].headers)["baton_error_class"] == b"identity"

"""What decision-aware enrichment costs against the fixed waterfall, and whether leads end in the same queue."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
from msgspec.structs import replace

from services.enricher.adapters.lookup import WaterfallLookUp
from services.enricher.adapters.panel import Panel
from services.enricher.adapters.spending import DayBudget
from services.enricher.domain.enrich import enrich
from services.enricher.domain.form import read_form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.outlook import Ending, Outlook, Standing
from services.enricher.domain.record import LeadRow
from services.provider_stubs.bootstrap import stub_server
from shared.clock import SystemClock
from shared.events.lead_received import LeadReceivedV1
from shared.events.parts import Activity, Person
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy
from shared.rules.times import Duration
from shared.settings import StubsSettings, load
from shared.sql.engine import Database
from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.databases import create_tables
from tests.support.waterfall import default_policy

LEADS: Final = 300
GOAL: Final = 0.6
_DID: Final[tuple[tuple[str, ...], ...]] = ((), ("content_download",), ("demo_request",), ("pricing_view",))
_BUDGET: Final = {"per_day_cents": 1_000_000_000, "per_lead_cents": 1_000_000}


class _Fixed:
    """A policy that stays, where a `PolicyWatch` is asked for."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self.current = policy


async def credits(_running: Services) -> Figure:  # noqa: A001 - the figure's name
    """Buy for the same leads of the stub world both ways; nothing is remembered from one to the other."""
    clock = SystemClock()
    server = stub_server(clock, load(StubsSettings, {"BATON_STUBS_PORT": "0"}))
    await server.start()
    try:
        forms = await _forms(f"http://127.0.0.1:{server.port}", clock)
        fixed, fixed_ends = await _bought(forms, server.port, clock, decision_aware=False)
        aware, aware_ends = await _bought(forms, server.port, clock, decision_aware=True)
    finally:
        await server.stop()
    queues = [one.queue == other.queue for one, other in zip(fixed_ends, aware_ends, strict=True)]
    same = sum(queues) / len(queues)
    details = [f"{len(forms)} leads: {aware} against {fixed} cents", f"same queue {same:.4f}, goal 0.99"]
    return Figure("credits", aware / fixed, GOAL, details)


async def _forms(url: str, clock: SystemClock) -> list[LeadReceivedV1]:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/world?limit={LEADS}") as answer:
        domains = (await answer.json())["data"]
    now = clock.now() - timedelta(minutes=1)
    return [
        LeadReceivedV1(
            person=Person(email=f"someone@{domain}"),
            activities=[Activity(type_, now) for type_ in _DID[place % len(_DID)]],
        )
        for place, domain in enumerate(domains)
    ]


async def _bought(
    forms: list[LeadReceivedV1], port: int, clock: SystemClock, *, decision_aware: bool
) -> tuple[int, list[Ending]]:
    policy = _unhurried(decision_aware=decision_aware)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'tables.db'}"
        await create_tables(url)
        database = Database(url)
        async with aiohttp.ClientSession() as session:
            keys: Mapping[str, str] = {}
            stubs = f"http://127.0.0.1:{port}"
            panel = Panel(_Fixed(policy), session, clock, Metrics(), stubs_url=stubs, keys=keys)  # type: ignore[arg-type]
            look_up = WaterfallLookUp(panel, database, DayBudget(database, clock), clock)
            leads = await asyncio.gather(*(_lead(look_up, form, clock) for form in forms))
            await look_up.close()
        await database.close()
    outlook = Outlook(policy)
    ends = [next(iter(outlook.endings(lead, Standing(), (), clock.now()))) for lead in leads]
    return sum(lead.enrichment.cost for lead in leads), ends


async def _lead(look_up: WaterfallLookUp, received: LeadReceivedV1, clock: SystemClock) -> LeadRow:
    form = read_form(received)
    lead = merge(LeadRow(form.identity.lead_id), form, clock.now())
    return enrich(replace(lead, account=account_of(lead)), await look_up.gather(form), clock.now())


def _unhurried(*, decision_aware: bool) -> CompiledPolicy:
    """Return the default policy without the bounds of pace and of money, which are not measured here."""
    given = default_policy().policy.providers
    return default_policy(
        decision_aware=decision_aware,
        deadline=Duration(60),
        budget=replace(given.budget, **_BUDGET),
        providers={
            name: replace(each, per_second=10_000, in_flight=50, timeout=Duration(30))
            for name, each in given.providers.items()
        },
    )

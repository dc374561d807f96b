"""`credits`: what decision-aware enrichment costs against the fixed waterfall, and whether queues agree.

The leads are people of the stub world, one of each company. Beside it, the same for strangers at these
companies: no provider knows them, so that the fixed waterfall buys less. Fixed asks in parallel for all
fields of the policy until each is good enough. Neither is held up by pace, day budget or a lead's budget.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.enrich import enrich
from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.possible_outcomes import RoutingOutcome
from services.enricher.domain.record import LeadRow
from services.enricher.domain.value_of_information import OutcomeModel
from services.enricher.lookup import WaterfallLookup
from services.enricher.provider_registry import ProviderRegistry
from services.provider_stubs.bootstrap import StubServer
from shared.clock import SystemClock
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity, Person
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy
from shared.rules.times import Duration
from shared.settings import StubsSettings, load
from shared.storage.database import Database
from shared.web.egress import EgressPolicy
from tests.bench.figure import Figure
from tests.bench.services import Services
from tests.support.databases import create_tables
from tests.support.integrations import PRESETS
from tests.support.waterfall import default_policy

LEADS: Final = 300
GOAL: Final = 0.5
_DID: Final[tuple[tuple[str, ...], ...]] = ((), ("content_download",), ("demo_request",), ("pricing_view",))
_BUDGET: Final = {"per_day_cents": 1_000_000_000, "per_lead_cents": 1_000_000}


class _Fixed:
    """A policy that stays, where a `PolicyWatch` is asked for."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self.current = policy


class _Compared(Struct, frozen=True):
    """What the same leads cost in cents both ways, and which share of them gets the same queue."""

    leads: int
    fixed: int
    aware: int
    same_queue: float

    def line(self, who: str) -> str:
        return (
            f"{self.leads} {who}: {self.aware} against {self.fixed} cents ({self.aware / self.fixed:.2f}),"
            f" same queue {self.same_queue:.4f} (goal 0.99)"
        )


async def credits(_running: Services) -> Figure:  # noqa: A001 - the figure's name
    """Buy for the same leads of the stub world both ways; nothing is remembered from one to the other."""
    clock = SystemClock()
    server = StubServer(clock, load(StubsSettings, {"BATON_STUBS_PORT": "0"}))
    await server.start()
    try:
        known = await _known(f"http://127.0.0.1:{server.port}")
        strangers = [f"someone@{address.rpartition('@')[2]}" for address in known]
        people = await _compared(known, server.port, clock)
        others = await _compared(strangers, server.port, clock)
    finally:
        await server.stop()
    details = [people.line("people of the stub world"), others.line("strangers at their companies")]
    return Figure("credits", round(people.aware / people.fixed, 3), GOAL, details)


async def _known(url: str) -> list[str]:
    """Return the address of one person at each of the first companies of the world, not always the first."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/world?limit={LEADS}") as answer:
            domains = (await answer.json())["data"]
        addresses: list[str] = []
        for place, domain in enumerate(domains):
            async with http.get(f"{url}/world/{domain}") as answer:
                people = (await answer.json())["people"]
            addresses.append(people[place % len(people)]["email"])
    return addresses


async def _compared(addresses: list[str], port: int, clock: SystemClock) -> _Compared:
    forms = [_form(address, place, clock) for place, address in enumerate(addresses)]
    fixed, fixed_ends = await _purchases(forms, port, clock, decision_aware=False)
    aware, aware_ends = await _purchases(forms, port, clock, decision_aware=True)
    queues = [one.queue == other.queue for one, other in zip(fixed_ends, aware_ends, strict=True)]
    return _Compared(len(forms), fixed, aware, sum(queues) / len(queues))


def _form(address: str, place: int, clock: SystemClock) -> LeadReceivedV1:
    at = clock.now() - timedelta(minutes=1)
    done = [Activity(type_, at) for type_ in _DID[place % len(_DID)]]
    return LeadReceivedV1(person=Person(email=address), activities=done)


async def _purchases(
    forms: list[LeadReceivedV1], port: int, clock: SystemClock, *, decision_aware: bool
) -> tuple[int, list[RoutingOutcome]]:
    policy = _unhurried(decision_aware=decision_aware)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'tables.db'}"
        await create_tables(url)
        database = Database(url)
        registry = ProviderRegistry(
            _Fixed(policy),  # type: ignore[arg-type]
            PRESETS,
            EgressPolicy.parse("127.0.0.0/8"),
            clock,
            Metrics(),
            stubs_url=f"http://127.0.0.1:{port}",
            keys={},
        )
        lookup = WaterfallLookup(registry, database, DailyBudget(database, clock), clock)
        leads = await asyncio.gather(*(_lead(lookup, form, clock) for form in forms))
        await lookup.close()
        await registry.close()
        await database.close()
    model = OutcomeModel(policy)
    ends = [
        next(iter(model.lead_outcomes(lead, AccountContext(), (), clock.now()).possible())) for lead in leads
    ]
    return sum(lead.enrichment.cost for lead in leads), ends


async def _lead(look_up: WaterfallLookup, received: LeadReceivedV1, clock: SystemClock) -> LeadRow:
    form = normalise_form(received)
    now = clock.now()
    lead = merge(LeadRow(form.identity.lead_id), form, now)
    return enrich(replace(lead, account=account_of(lead)), await look_up.look_up(form, now), clock.now())


def _unhurried(*, decision_aware: bool) -> CompiledPolicy:
    """Return the default policy without the bounds of pace and of money, which are not measured here."""
    given = default_policy().policy.providers
    return default_policy(
        decision_aware=decision_aware,
        deadline=Duration(60),
        budget=given.budget.model_copy(update=_BUDGET),
        providers={
            name: provider.model_copy(update={"per_second": 10_000, "in_flight": 50, "timeout": Duration(10)})
            for name, provider in given.providers.items()
        },
    )

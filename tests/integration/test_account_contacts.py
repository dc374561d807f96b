"""People of an account in both databases: asked for once, stored, and removed as leads, opt-outs and erasures."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import select

from services.enricher.contact_discovery import ContactDiscovery
from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.found_contacts import FoundContactRow
from services.enricher.domain.providers import ProviderAnswer, ProviderQuery
from services.enricher.handlers import EnricherHandler
from services.enricher.lookup import WaterfallLookup
from services.enricher.storage import EnricherStore
from services.enricher.tables import account_contacts, account_discoveries, provider_spend
from services.gateway.queries.account_contacts import contacts_of_account
from services.gateway.queries.people import stored_person
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event, decode_data
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.parts import Company, Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_MODEL, BY_NAME
from shared.lead.events.schemas import EXAMPLES
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.lead.identity import identify
from shared.lead.ids import lead_id_of
from shared.messaging.port import Outgoing
from shared.resilience.priority_limiter import Turn
from shared.storage.database import Database
from shared.worker.outbox import Outbox
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.account_people import ACCOUNT, INES, TERMS, TOM, answered
from tests.support.fixed_clock import FixedClock
from tests.support.waterfall import FakeProvider, registry_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LEAD_ID = lead_id_of(f"domain:{ACCOUNT}")
INES_ID = lead_id_of(f"email:{INES.email}")


class KnowsPeople(FakeProvider):
    """A provider that names these people of every company."""

    def __init__(self, name: str, clock: FixedClock, *named: Person) -> None:
        super().__init__(name, clock)
        self.named = named

    async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
        if query.subject != "contacts":
            return await super().query(query, within_s=within_s, turn=turn)
        turn.granted.set_result(True)
        self.asked.append(",".join(query.fields))
        return answered(self.name, query.fields, self.named, cost=8, at=self.clock.now())


class NoSink:
    async def send(self, out: Sequence[Outgoing]) -> Any:
        raise AssertionError("a unit of work publishes nothing")

    async def close(self) -> None: ...


class Discovering:
    """The enricher without its stream, with two providers that find people."""

    def __init__(self, database: Database) -> None:
        self.clock, self.database, self._count = FixedClock(NOW), database, 0
        self.apollo = KnowsPeople("apollo", self.clock, INES, TOM)
        self.hunter = KnowsPeople("hunter", self.clock, INES)
        registry = registry_of({"apollo": self.apollo, "hunter": self.hunter})
        seeds = {ACCOUNT: AccountReceivedV1(ACCOUNT, relation="target")}
        registry.current = dataclasses.replace(registry.current, discovery=TERMS, seeds=seeds)
        self.registry = registry
        budget = DailyBudget(database, self.clock)
        lookup = WaterfallLookup(registry, database, budget, self.clock, monotonic_s=lambda: 0.0)
        discovery = ContactDiscovery(
            registry, database, lookup.calls, self.clock, keyed_hash=_hash, monotonic_s=lambda: 0.0
        )
        self.handler = EnricherHandler(lookup, frozenset, discovery)
        outbox = Outbox("enricher", database, NoSink(), self.clock, partitions=6)
        self.work = UnitOfWork(
            self.handler, EnricherStore(_hash), database, outbox, self.clock, keyed_hash=_hash
        )

    async def receive(self, *data: Any) -> list[AccountEnrichedV1]:
        events = []
        for item in data:
            self._count += 1
            name = BY_MODEL[type(item)].name
            raw = msgspec.json.encode(item)
            event = Event(f"event-{self._count}", "/test", name, "", self.clock.now(), item, raw=raw)
            events.append(await self.handler.prepare(event))
        return told(await self.work.run(events))

    async def fire_timers(self) -> list[AccountEnrichedV1]:
        """Fire the timers that are due until there are none for this second."""
        found: list[AccountEnrichedV1] = []
        self.clock.advance(timedelta(seconds=1))
        while events := await Timers("enricher", self.database, self.clock).lease_due(10):
            found += told(await self.work.run([await self.handler.prepare(event) for event in events]))
            self.clock.advance(timedelta(milliseconds=1))
        return found

    async def discover(self) -> list[AccountEnrichedV1]:
        """Have somebody work the account lead, and ask until nothing is open."""
        await self.receive(LeadReceivedV1(company=Company(domain=ACCOUNT)))
        example = (EXAMPLES / BY_MODEL[LeadRoutedV1].name / "full.json").read_bytes()
        routed = msgspec.json.decode(example, type=LeadRoutedV1)
        decision = replace(routed.decision, motion="work", owner="bdr-1")
        await self.receive(replace(routed, lead_id=LEAD_ID, account=ACCOUNT, decision=decision))
        return await self.fire_timers()

    async def contacts(self) -> list[FoundContactRow]:
        async with self.database.read() as tx:
            return [FoundContactRow(*tuple(row)) for row in await tx.execute(select(account_contacts))]


def told(result: Result) -> list[AccountEnrichedV1]:
    assert not result.rejected
    kind = BY_NAME["baton.account.enriched.v1"]
    values = [
        out.value or b"" for out in result.outgoing if dict(out.headers)["ce_type"] == kind.name.encode()
    ]
    return [decode_data(kind, value) for value in values]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture
def enricher(database: Database) -> Discovering:
    return Discovering(database)


async def test_who_is_found_is_stored_with_what_was_asked_and_what_it_cost(enricher):
    first, second = await enricher.discover()
    assert [one.name for one in first.contacts] == ["Ines Moreau", "Tom Berg"]
    assert (second.sequence, second.contacts) == (2, first.contacts)
    assert enricher.apollo.asked == ["economic_buyer,champion,technical"]
    assert enricher.hunter.asked == ["champion"]
    async with enricher.database.read() as tx:
        contacts, steps = await contacts_of_account(tx, [ACCOUNT])
        [spend] = (
            await tx.execute(select(provider_spend).where(provider_spend.c.provider == "apollo"))
        ).all()
    assert contacts == first.contacts
    assert [(step.provider, step.cost) for step in steps] == [("apollo", 8), ("hunter", 8)]
    assert spend.field_cents == {"account.contacts": 8}
    assert await enricher.discover() == []


async def test_what_is_left_of_the_account_pays_for_no_dearer_question(enricher):
    registry = enricher.registry
    terms = replace(TERMS, per_account_cents=8)
    registry.current = dataclasses.replace(registry.current, discovery=terms)
    await enricher.discover()
    assert (len(enricher.apollo.asked), enricher.hunter.asked) == (1, [])


async def test_who_writes_or_opts_out_is_removed(enricher):
    await enricher.discover()
    [after] = await enricher.receive(LeadReceivedV1(person=Person(email=INES.email)))
    assert [one.name for one in after.contacts] == ["Tom Berg"]
    [tom] = await enricher.contacts()
    assert tom.person.title == "CTO"
    await enricher.receive(
        SignalReceivedV1("opt_out", enricher.clock.now(), person=SignalPerson(email="nobody@x.example"))
    )
    assert await enricher.contacts() == [tom]


async def test_an_opt_out_removes_a_contact_and_keeps_the_address_out(enricher):
    await enricher.discover()
    opt_out = SignalReceivedV1("opt_out", enricher.clock.now(), person=SignalPerson(email=INES.email))
    [after] = await enricher.receive(opt_out)
    assert [one.name for one in after.contacts] == ["Tom Berg"]
    enricher.clock.advance(timedelta(days=91))
    [first, *_] = await enricher.discover()
    assert [one.name for one in first.contacts] == ["Tom Berg"]


async def test_an_erasure_finds_somebody_who_never_was_a_lead_and_nobody_names_them_again(enricher):
    await enricher.discover()
    identity = identify(INES.email)
    assert identity is not None
    async with enricher.database.read() as tx:
        person = await stored_person(tx, [INES_ID], [identity])
    assert person.accounts == [ACCOUNT]
    assert f"linkedin:{INES.linkedin_url}" in person.identifiers
    assert [one.last_name for one in person.people] == ["Moreau"]
    await enricher.receive(
        PersonErasedV1([*person.lead_ids], "x", at=enricher.clock.now(), accounts=[*person.accounts])
    )
    assert [one.person.title for one in await enricher.contacts()] == ["CTO"]
    enricher.clock.advance(timedelta(days=91))
    enricher.apollo.named = (INES, replace(INES, email=None), replace(INES, email=None, linkedin_url=None))
    enricher.hunter.named = (replace(INES, email="other@gmail.com"),)
    assert await enricher.discover()
    assert await enricher.contacts() == []
    async with enricher.database.read() as tx:
        [steps] = (await tx.execute(select(account_discoveries.c.steps))).scalars()
    assert [step.provider for step in steps] == ["apollo", "hunter"]

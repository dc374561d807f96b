"""Looking a lead up for its seller: for whom, and within which budgets."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, update

from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.form import normalise_form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.providers import ProviderFacts, cache_row
from services.enricher.domain.record import LeadRow
from services.enricher.lookup import WaterfallLookup
from services.router.tables import assignments
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Person, SourceTrust
from shared.lead.ids import lead_id_of
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from tests.support.fixed_clock import FixedClock
from tests.support.waterfall import FakeProvider, registry_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANA = "ana@brightloom.example"
ANA_ID = lead_id_of(f"email:{ANA}")
FOUND = ProviderFacts(
    person=Person(first_name="Ana", last_name="Lopez", phone="+12015550143"),
    confidence={"person.first_name": 0.9, "person.last_name": 0.9, "person.phone": 0.9},
)
COMPANY = Company(name="Brightloom", employees=350, industry="software", country="US")


class Seller:
    """A look-up of one stored lead, with an owner unless a test takes them away."""

    def __init__(self, database: Database, **terms: Any) -> None:
        clock = FixedClock(NOW)
        self.database = database
        self.provider = FakeProvider("peopledatalabs", clock, people={ANA_ID: FOUND})
        registry = registry_of({"peopledatalabs": self.provider}, **terms)
        self.registry = registry
        self.lookup = WaterfallLookup(
            registry, database, DailyBudget(database, clock), clock, monotonic_s=lambda: 0.0
        )

    async def store(self, *, spent_cents: int = 0, trust: SourceTrust | None = None) -> None:
        form = normalise_form(LeadReceivedV1(person=Person(email=ANA), company=COMPANY, trust=trust))
        lead = merge(LeadRow(ANA_ID), form, NOW)
        enrichment = Enrichment("complete", spent_cents, [])
        lead = replace(lead, account=account_of(lead), revision=1, sequence=1, enrichment=enrichment)
        rows = IdentityMap()
        rows.apply([Put(lead)])
        owner = {
            "id": "one", "lead_id": ANA_ID, "account": lead.account, "queue": "sdr", "rep": "sdr-1",
            "state": "open", "sequence": 1, "opened_at": NOW,
        }  # fmt: skip
        async with self.database.begin() as tx:
            await tx.write(rows)
            await tx.execute(insert(assignments).values(owner))


@pytest.fixture
def seller(database: Database) -> Seller:
    return Seller(database)


async def test_for_an_owned_lead_everything_that_its_seller_needs_is_bought(seller):
    await seller.store()
    [answer] = (await seller.lookup.refresh(ANA_ID)).answers
    assert (answer.outcome, answer.cost, seller.provider.asked) == ("match", 10, ["person"])
    assert {"person.first_name", "person.last_name", "person.phone"} <= set(answer.requested)


async def test_for_a_lead_without_an_owner_nothing_is_bought(seller):
    await seller.store()
    async with seller.database.begin() as tx:
        await tx.execute(update(assignments).values(closed_at=NOW, state="won"))
    assert (await seller.lookup.refresh(ANA_ID)).answers == ()
    assert seller.provider.asked == []


async def test_a_lead_that_was_erased_meanwhile_is_not_looked_up(seller):
    assert (await seller.lookup.refresh(ANA_ID)).answers == ()


async def test_the_budget_of_a_lead_is_for_all_that_is_bought_for_a_revision(seller):
    budget = seller.registry.current.waterfall.budget_cents
    await seller.store(spent_cents=budget - 5)
    result = await seller.lookup.refresh(ANA_ID)
    assert (result.answers, result.stop, seller.provider.asked) == ((), "budget", [])


@pytest.mark.parametrize(("trust", "asked"), [("public", []), ("signed", ["person"])])
async def test_a_lead_of_a_public_source_has_a_budget_of_its_own(database, trust, asked):
    seller = Seller(database)
    seller.registry.current = dataclasses.replace(seller.registry.current, public_day_cents=9)
    await seller.store(trust=trust)
    result = await seller.lookup.refresh(ANA_ID)
    assert seller.provider.asked == asked
    assert [answer.outcome for answer in result.answers] == ["match" if asked else "skipped"]


async def test_who_answered_before_is_not_asked_again(seller):
    await seller.store()
    [answer] = (await seller.lookup.refresh(ANA_ID)).answers
    row = cache_row(answer, seller.registry.current.waterfall.fields)
    assert row is not None
    rows = IdentityMap()
    rows.apply([Put(row)])
    async with seller.database.begin() as tx:
        await tx.write(rows)
    [again] = (await Seller(seller.database).lookup.refresh(ANA_ID)).answers
    assert (again.billed, again.facts) == (False, FOUND)

"""What a seller needs is looked up once somebody works the lead, and is news of the same revision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.enricher.domain.enrich import enrich, enrich_again
from services.enricher.domain.for_sellers import ENRICH_FOR_SELLER, seller_needs_more
from services.enricher.domain.providers import LookupResult, ProviderAnswer, ProviderFacts
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.value_of_information import OutcomeModel
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.parts import Company, Person
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.schemas import EXAMPLES
from shared.lead.ids import lead_id_of
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from tests.support.forms import ANA, AT, form, merged
from tests.support.waterfall import default_policy, waterfall_policy

ANA_ID = lead_id_of(f"email:{ANA}")
NAMES = ProviderFacts(
    person=Person(first_name="Ana", last_name="Lopez", phone="+12015550143"),
    confidence={"person.first_name": 0.9, "person.last_name": 0.9, "person.phone": 0.9},
)
POLICY = default_policy()
SELLERS = set(POLICY.policy.providers.for_sellers)


def answer(provider: str = "peopledatalabs", outcome: Any = "match", **given: Any) -> ProviderAnswer:
    facts = NAMES if outcome == "match" else ProviderFacts()
    fields = ("person.first_name", "person.last_name", "person.phone")
    made = ProviderAnswer(provider, "person", ANA_ID, outcome, AT, facts, cost=10, requested=fields)
    return replace(made, **given)


def example(model: Any, **given: Any) -> Any:
    """Return the full example of an event, about Ana, with an owner who works the lead."""
    read = msgspec.json.decode((EXAMPLES / BY_MODEL[model].name / "full.json").read_bytes(), type=model)
    decision = replace(read.decision, motion="work", owner="sdr-1")
    return replace(read, **{"lead_id": ANA_ID, "decision": decision} | given)


def waterfall(names: Any = ("peopledatalabs", "apollo", "hunter", "zerobounce")) -> Any:
    return waterfall_policy(POLICY.policy.providers, names)


class TestFilter:
    def needs(self, event: Any, **changes: Any) -> bool:
        policy = replace(waterfall(), **changes)
        return seller_needs_more(msgspec.json.encode(event), policy, AT)

    def test_a_worked_lead_without_a_telephone_number_needs_more(self):
        assert self.needs(example(LeadRoutedV1, person=Person(email=ANA)))

    @pytest.mark.parametrize("change", [{"motion": "nurture"}, {"owner": None}], ids=str)
    def test_a_lead_that_nobody_works_needs_nothing(self, change):
        event = example(LeadRoutedV1, person=Person(email=ANA))
        assert not self.needs(replace(event, decision=replace(event.decision, **change)))

    def test_without_an_address_nobody_can_be_asked(self):
        assert not self.needs(example(LeadRoutedV1, person=Person(phone="+12015550143")))

    def test_a_lead_of_which_all_is_known_needs_nothing(self):
        known = Person(
            email=ANA,
            first_name="Ana",
            last_name="Lopez",
            title="CFO",
            phone="+12015550143",
            email_status="verified",
            linkedin_url="https://www.linkedin.com/in/ana",
        )
        assert not self.needs(example(LeadRoutedV1, person=known, provenance={}))

    def test_an_event_that_does_not_carry_the_lead_may_need_more(self):
        assert self.needs(example(LeadReassignedV1, person=None))

    def test_a_policy_without_such_fields_needs_nothing(self):
        assert not self.needs(example(LeadRoutedV1, person=Person(email=ANA)), for_sellers=())


class TestSearch:
    def search(self, **lead: Any) -> Search:
        stored = replace(merged(form(Company(country="US"))), account="brightloom.example", **lead)
        return search_for(stored, waterfall(), OutcomeModel(POLICY), AT)

    def test_it_wants_what_sellers_need_whether_or_not_a_rule_reads_it(self):
        first = self.search()
        assert set(first.missing).isdisjoint(SELLERS - {"person.title"})
        assert set(first.for_seller(AT).missing) == SELLERS

    def test_it_asks_one_provider_after_the_other_within_the_budget_of_the_lead(self):
        search = self.search().for_seller(AT)
        asked, spent = [], 0
        while requests := search.next(None, 8.0, AT).requests:
            asked += [(one.provider, one.subject) for one in requests]
            spent += sum(one.price_cents for one in requests)
            told = [
                answer(
                    one.provider, "no_match", subject=one.subject, cost=one.price_cents, requested=one.fields
                )
                for one in requests
            ]
            search = search.with_answers(requests, told, AT)
        assert len(set(asked)) == len(asked)
        assert {provider for provider, _ in asked} == {"peopledatalabs", "apollo", "hunter", "zerobounce"}
        assert spent == search.progress.spent_cents <= waterfall().budget_cents

    def test_what_was_spent_before_counts(self):
        stored = replace(merged(form()), account="brightloom.example")
        budget = waterfall().budget_cents
        search = search_for(stored, waterfall(), OutcomeModel(POLICY), AT, spent_cents=budget).for_seller(AT)
        assert search.next(None, 8.0, AT).stop == "budget"

    def test_who_answered_already_is_not_asked_again(self):
        search = self.search().for_seller(AT)
        cached = answer(billed=False, cost=0)
        once = search.with_cached([cached], AT)
        assert once.with_cached([cached], AT) is once
        (request,) = once.next(None, 8.0, AT).requests
        assert request.provider != "peopledatalabs"

    def test_a_name_that_was_found_lets_others_be_asked_by_it(self):
        search = self.search().for_seller(AT).with_cached([answer(billed=False)], AT)
        assert (search.target.first_name, search.target.last_name) == ("Ana", "Lopez")


@pytest.fixture
async def owned(enricher):
    """An enricher whose one lead was just routed to somebody who works it."""
    await enricher.submit()
    assert await enricher.receive(example(LeadRoutedV1)) is Outcome.APPLIED
    return enricher


async def test_a_routed_lead_is_looked_up_for_its_seller_at_once(owned):
    [timer] = owned.rows.all(TimerRow)
    assert (timer.subject, timer.kind, timer.due_at) == (ANA_ID, ENRICH_FOR_SELLER, owned.at)
    assert owned.emitted == []
    owned.lookup.result = LookupResult((answer(),), {}, "complete")
    assert await owned.advance(timedelta()) is Outcome.APPLIED
    [lead] = owned.emitted
    assert (lead.revision, lead.sequence, lead.trigger.kind) == (1, 2, "enrichment")
    assert (lead.person.first_name, lead.person.phone) == ("Ana", "+12015550143")
    assert owned.rows.all(TimerRow) == []


async def test_a_repeated_event_is_one_look_up(owned):
    before = owned.rows.all(TimerRow)
    owned.at += timedelta(seconds=1)
    assert await owned.receive(example(LeadRoutedV1)) is Outcome.UNCHANGED
    assert owned.rows.all(TimerRow) == before


async def test_a_look_up_that_brings_nothing_is_no_event(owned):
    owned.lookup.result = LookupResult((answer(outcome="no_match", cost=0),), {}, "exhausted")
    assert await owned.advance(timedelta()) is Outcome.UNCHANGED
    assert (owned.emitted, owned.rows.all(TimerRow)) == ([], [])
    assert owned.lead().enrichment.status == "complete"


async def test_a_provider_that_failed_is_asked_again_later(owned):
    owned.lookup.result = LookupResult((answer(outcome="failed", cost=0),), {}, "exhausted")
    assert await owned.advance(timedelta()) is Outcome.UNCHANGED
    [timer] = owned.rows.all(TimerRow)
    assert timer.kind == "enrich-again"
    owned.lookup.result = LookupResult((answer(),), {}, "complete")
    assert await owned.advance(timedelta(seconds=20)) is Outcome.APPLIED
    assert [step.outcome for step in owned.emitted[0].enrichment.steps] == ["match"]


async def test_a_lead_that_is_not_stored_is_not_looked_up(enricher):
    assert await enricher.receive(example(LeadReassignedV1)) is Outcome.UNCHANGED
    assert enricher.rows.all(TimerRow) == []


def test_the_steps_and_the_cost_of_later_look_ups_are_added():
    lead = replace(merged(form()), lead_id=ANA_ID, account="brightloom.example")
    company = ProviderAnswer(
        "peopledatalabs", "company", "brightloom.example", "match", AT,
        ProviderFacts(company=Company(employees=350), confidence={"company.employees": 0.9}),
        cost=10, requested=("company.employees",),
    )  # fmt: skip
    late = answer("apollo", "timeout", cost=0)
    first = enrich(lead, LookupResult((company, late), {}, "exhausted"), AT)
    again = (replace(company, billed=False, cost=0), answer("apollo", cost=8))
    second = enrich_again(first, LookupResult(again, {}, "complete"), AT)
    assert second.enrichment.cost == 18
    told = [(step.provider, step.outcome, step.cost) for step in second.enrichment.steps]
    assert told == [("peopledatalabs", "match", 10), ("apollo", "match", 8)]
    assert sum(origin.cost for origin in second.provenance.values()) == 18
    assert enrich_again(second, LookupResult(again[:1], {}, "complete"), AT).enrichment == second.enrichment

"""Laws of the lead record: the order of answers, the sum of costs, who is named as the source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.enrich import enrich
from services.enricher.domain.merge import merge
from services.enricher.domain.providers import (
    LookupResult,
    ProviderAnswer,
    ProviderFacts,
    answer_from_row,
    cache_row,
    value_of,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.spending import SpendRow, add_spend
from shared.lead.events.parts import Activity, Company, Consent
from shared.policy.models import Waterfall
from tests.support.forms import AT, form

ACCOUNT = "brightloom.example"
PROVIDERS = ("one", "two", "three")
FIELDS = ("employees", "industry", "country", "revenue_usd")
POLICY = {f"company.{name}": Waterfall(order=PROVIDERS, min_confidence=50) for name in FIELDS}
VALUES = {
    "employees": st.integers(1, 5_000),
    "industry": st.sampled_from(["software", "fintech"]),
    "country": st.sampled_from(["US", "DE"]),
    "revenue_usd": st.integers(1, 10**9),
}


@st.composite
def answers(draw: st.DrawFn) -> tuple[ProviderAnswer, ...]:
    """Draw one answer of each of some providers, all about the lead's company."""
    drawn: list[ProviderAnswer] = []
    for provider in draw(st.lists(st.sampled_from(PROVIDERS), unique=True)):
        names = draw(st.lists(st.sampled_from(FIELDS), unique=True))
        company: dict[str, Any] = {name: draw(VALUES[name]) for name in names}
        confidence = {f"company.{name}": draw(st.integers(0, 100)) / 100 for name in names}
        drawn.append(
            ProviderAnswer(
                provider,
                "company",
                ACCOUNT,
                "match" if names else draw(st.sampled_from(["no_match", "failed", "timeout"])),
                AT,
                ProviderFacts(company=Company(**company), confidence=confidence),
                cost=draw(st.integers(0, 20)),
                billed=draw(st.booleans()),
                requested=tuple(POLICY),
            )
        )
    return tuple(drawn)


def lead_of(company: Company | None = None) -> LeadRow:
    return replace(merge(LeadRow("lead"), form(company), AT), account=ACCOUNT)


def enriched(lead: LeadRow, found: Sequence[ProviderAnswer]) -> LeadRow:
    return enrich(lead, LookupResult(found, POLICY, "exhausted"), AT)


@given(answers())
def test_the_cost_of_an_enrichment_is_the_sum_of_its_billed_answers(found):
    enrichment = enriched(lead_of(), found).enrichment
    assert enrichment.cost == sum(answer.cost for answer in found if answer.billed)
    assert enrichment.cost == sum(step.cost for step in enrichment.steps)
    assert [step.provider for step in enrichment.steps] == [answer.provider for answer in found]


@given(answers())
def test_the_provenance_never_costs_more_than_the_answers_did(found):
    """What was paid for a value stays a cost of its field when a better value replaces it."""
    lead = enriched(lead_of(), found)
    taken = [origin.cost for origin in lead.provenance.values() if origin.source in PROVIDERS]
    assert sum(taken) <= lead.enrichment.cost
    if len(found) == 1 and taken:
        assert sum(taken) == lead.enrichment.cost
        assert max(taken) - min(taken) <= 1


@given(answers())
def test_every_value_is_that_of_the_source_that_the_provenance_names(found):
    lead = enriched(lead_of(), found)
    by_provider = {answer.provider: answer.facts for answer in found}
    for name in POLICY:
        value, origin = value_of(lead.person, lead.company, name), lead.provenance.get(name)
        assert (value is None) == (origin is None)
        if origin is not None:
            facts = by_provider[origin.source]
            assert value == value_of(facts.person, facts.company, name)
            assert origin.confidence == facts.confidence[name]


@given(answers())
def test_the_best_value_wins_in_whatever_order_the_answers_come(found):
    """Two answers of the same quality differ in nothing but their time: the one that came first stays."""
    for name in POLICY:
        sure = [answer.facts.confidence[name] for answer in found if name in answer.facts.confidence]
        best = {
            enriched(lead_of(), order).provenance[name].confidence for order in permutations(found) if sure
        }
        assert best == ({max(sure)} if sure else set())


@given(answers(), st.sampled_from(FIELDS), st.data())
def test_what_the_form_says_stands_against_every_provider(found, name, data):
    said = data.draw(VALUES[name])
    lead = enriched(lead_of(Company(**{name: said})), found)
    assert getattr(lead.company, name) == said
    assert lead.provenance[f"company.{name}"].source == "form"


@given(answers())
def test_the_same_answers_again_change_no_value(found):
    once = enriched(lead_of(), found)
    again = enriched(once, found)
    assert (again.person, again.company, again.provenance) == (once.person, once.company, once.provenance)


@given(answers())
def test_answers_about_another_company_are_not_used(found):
    lead = lead_of()
    strangers = [replace(answer, about="copperfen.example") for answer in found]
    after = enriched(lead, strangers)
    assert (after.company, after.provenance, after.enrichment.steps) == (lead.company, lead.provenance, [])


@given(answers())
def test_a_cached_answer_gives_the_same_values_for_nothing(found):
    rows = [row for answer in found if (row := cache_row(answer, POLICY)) is not None]
    bought = enriched(lead_of(), [answer for answer in found if answer.billed and answer.is_conclusive])
    cached = enriched(lead_of(), [answer_from_row(row) for row in rows])
    assert cached.company == bought.company
    assert cached.enrichment.cost == 0
    assert {step.outcome for step in cached.enrichment.steps} <= {"cached"}


@given(st.lists(answers(), max_size=4), st.lists(st.integers(0, 3), max_size=4))
def test_spending_adds_up_however_it_is_split_into_units_of_work(batches, days):
    moved = [
        replace(answer, at=answer.at + timedelta(days=day))
        for batch, day in zip(batches, days, strict=False)
        for answer in batch
    ]
    rows: dict[tuple[str, str], SpendRow] = {}
    before, after = lead_of(), enriched(lead_of(), moved)
    for answer in moved:
        rows |= {(row.day, row.provider): row for row in add_spend(rows, [answer], before, after)}
    assert sorted(rows.values(), key=lambda row: row.key) == add_spend({}, moved, before, after)
    assert all(sum(row.field_cents.values()) == row.cents for row in rows.values())
    assert all(row.unchanged <= row.answers <= row.calls for row in rows.values())
    assert sum(row.cents for row in rows.values()) == sum(answer.cost for answer in moved if answer.billed)
    assert sum(row.calls for row in rows.values()) == sum(answer.billed for answer in moved)
    assert all(row.matches <= row.calls for row in rows.values())


activities = st.lists(
    st.builds(
        Activity,
        type=st.sampled_from(["page_view", "demo_request"]),
        at=st.integers(0, 50).map(lambda minutes: AT + timedelta(minutes=minutes)),
    ),
    max_size=5,
)


@given(st.lists(activities, min_size=2, max_size=4))
def test_activities_are_the_same_in_whatever_order_the_forms_come(batches):
    orders = set()
    for order in permutations(batches):
        lead = LeadRow("lead")
        for batch in order:
            lead = merge(lead, form(activities=batch), AT)
        assert lead.activities == sorted(lead.activities, key=lambda activity: activity.at)
        orders.add(tuple((activity.at, activity.type) for activity in lead.activities))
    assert len(orders) == 1


@given(st.permutations(range(4)))
def test_the_first_and_last_time_of_a_lead_do_not_depend_on_the_order(order):
    lead = LeadRow("lead")
    for number in order:
        lead = merge(lead, form(), AT + timedelta(hours=number))
    assert (lead.first_at, lead.last_at) == (AT, AT + timedelta(hours=3))


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_an_opt_out_in_any_form_holds(opted_out):
    lead = LeadRow("lead")
    for choice in opted_out:
        lead = merge(lead, form(consent=Consent(opted_out=choice)), AT)
    assert lead.consent.opted_out == any(opted_out)

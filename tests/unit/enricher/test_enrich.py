from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.enricher.domain.enrich import enrich, missing
from services.enricher.domain.providers import Answer, kept, recalled
from services.enricher.domain.record import LeadRow
from shared.events.parts import Company
from tests.unit.enricher.forms import AT, form, merged

ANSWER = Answer(
    provider="clearbit",
    about="brightloom.example",
    outcome="match",
    at=AT,
    company=Company(name="Brightloom Inc", employees=350, industry="software", country="US"),
    confidence=0.85,
    cost=8,
)


def _lead(company: Company | None = None) -> LeadRow:
    return replace(merged(form(company)), account="brightloom.example")


def test_what_the_form_says_is_not_bought():
    assert missing(_lead(Company(employees=0, industry="software", country="US"))) == []
    lead = enrich(_lead(Company(employees=10)), [ANSWER])
    assert (lead.company.employees, lead.company.industry) == (10, "software")
    assert lead.provenance["company.employees"].source == "form"


def test_the_price_is_shared_out_among_the_fields():
    lead = enrich(_lead(), [ANSWER])
    costs = {name: origin.cost for name, origin in lead.provenance.items() if origin.source == "clearbit"}
    assert sorted(costs.values()) == [2, 2, 2, 2]
    assert lead.enrichment.cost == 8
    lead = enrich(_lead(Company(name="Brightloom")), [ANSWER])
    assert sum(origin.cost for origin in lead.provenance.values()) == 8


@pytest.mark.parametrize(
    ("outcome", "bought", "status", "step"),
    [
        ("match", True, "complete", "match"),
        ("match", False, "complete", "cached"),
        ("no_match", True, "complete", "no_match"),
        ("failed", True, "incomplete", "failed"),
        ("timeout", False, "incomplete", "timeout"),
    ],
)
def test_how_far_the_asking_came(outcome, bought, status, step):
    lead = enrich(_lead(), [replace(ANSWER, outcome=outcome, bought=bought, company=Company(), cost=0)])
    assert (lead.enrichment.status, [each.outcome for each in lead.enrichment.steps]) == (status, [step])
    assert lead.enrichment.steps[0].fields == ["company.employees", "company.industry", "company.country"]


def test_nothing_asked_is_skipped_unless_nothing_was_missing():
    assert enrich(_lead(), []).enrichment.status == "skipped"
    full = _lead(Company(employees=1, industry="x", country="US"))
    assert enrich(full, []).enrichment.status == "complete"


def test_an_answer_about_another_account_is_not_used():
    lead = enrich(_lead(), [replace(ANSWER, about="copperfen.example")])
    assert (lead.company.employees, lead.enrichment.status) == (None, "skipped")


def test_answers_are_kept_when_the_provider_would_say_the_same_again():
    row = kept(ANSWER)
    assert row is not None
    assert recalled(row) == replace(ANSWER, bought=False, cost=0)
    assert kept(replace(ANSWER, bought=False)) is None
    assert kept(replace(ANSWER, outcome="timeout")) is None

"""An incomplete lead is looked up again later; only what is new is an event."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.enricher.domain.enrich import RETRY_AFTER, RETRY_FOR
from services.enricher.domain.providers import (
    CachedAnswerRow,
    LookupResult,
    ProviderAnswer,
    ProviderFacts,
)
from services.enricher.domain.spending import SpendRow
from shared.lead.events.parts import Company
from shared.lead.ids import lead_id_of
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from tests.support.forms import ANA, AT

ANA_ID = lead_id_of(f"email:{ANA}")
FOUND = ProviderFacts(company=Company(employees=350), confidence={"company.employees": 0.9})
MATCH = ProviderAnswer(
    "apollo", "company", "brightloom.example", "match", AT, FOUND, cost=8, requested=("company.employees",)
)
TIMEOUT = replace(MATCH, outcome="timeout", facts=ProviderFacts(), cost=0, billed=False)


@pytest.fixture
async def incomplete(enricher):
    """An enricher whose one lead got no answer in time."""
    enricher.lookup.result = LookupResult((TIMEOUT,), {}, "exhausted")
    await enricher.submit()
    return enricher


async def test_an_incomplete_lead_has_a_timer(incomplete):
    assert incomplete.emitted[0].enrichment.status == "incomplete"
    [timer] = incomplete.rows.all(TimerRow)
    assert (timer.subject, timer.due_at) == (ANA_ID, AT + RETRY_AFTER)


async def test_a_late_answer_is_an_event_of_the_same_revision(incomplete):
    incomplete.lookup.result = LookupResult((MATCH,), {}, "complete")
    assert await incomplete.advance(RETRY_AFTER) is Outcome.APPLIED
    [lead] = incomplete.emitted
    assert (lead.revision, lead.sequence, lead.company.employees) == (1, 2, 350)
    assert lead.trigger.kind == "enrichment"
    assert (lead.enrichment.status, lead.enrichment.cost) == ("complete", 8)
    assert incomplete.rows.all(TimerRow) == []
    assert incomplete.lookup.asked[-1] == ANA_ID


async def test_a_late_answer_is_cached_and_counted(incomplete):
    incomplete.lookup.result = LookupResult((MATCH,), {}, "complete")
    await incomplete.advance(RETRY_AFTER)
    assert [row.about for row in incomplete.rows.all(CachedAnswerRow)] == ["brightloom.example"]
    assert incomplete.rows.all(SpendRow) == [
        SpendRow("2026-03-01", "apollo", 1, 1, 8, 1, 0, {"company.employees": 8})
    ]


async def test_a_retry_that_brings_nothing_is_no_event_and_comes_again_later(incomplete):
    for age_s in (15, 30, 60, 120):
        assert (
            await incomplete.advance(incomplete.rows.all(TimerRow)[0].due_at - incomplete.at)
            is Outcome.UNCHANGED
        )
        assert incomplete.emitted == []
        [timer] = incomplete.rows.all(TimerRow)
        assert timer.due_at - incomplete.at == timedelta(seconds=age_s)
    assert incomplete.lead().sequence == 1


async def test_the_retries_of_six_hours_are_few(incomplete):
    retries = 0
    while timers := incomplete.rows.all(TimerRow):
        await incomplete.advance(timers[0].due_at - incomplete.at)
        retries += 1
    assert retries <= 12
    assert incomplete.at - AT >= RETRY_FOR
    assert incomplete.lead().enrichment.status == "incomplete"


async def test_an_answer_without_a_value_completes_the_lead_without_an_event(incomplete):
    nothing = replace(MATCH, outcome="no_match", facts=ProviderFacts(), cost=0)
    incomplete.lookup.result = LookupResult((nothing,), {}, "exhausted")
    assert await incomplete.advance(RETRY_AFTER) is Outcome.UNCHANGED
    assert incomplete.lead().enrichment.status == "complete"
    assert incomplete.rows.all(TimerRow) == []


async def test_a_new_form_ends_the_retries_when_its_own_look_up_is_complete(incomplete):
    incomplete.lookup.result = LookupResult((MATCH,), {}, "complete")
    await incomplete.submit()
    assert incomplete.emitted[0].revision == 2
    assert incomplete.rows.all(TimerRow) == []


async def test_a_new_form_of_an_incomplete_lead_starts_the_retries_again(incomplete):
    await incomplete.advance(RETRY_AFTER)
    await incomplete.submit()
    [timer] = incomplete.rows.all(TimerRow)
    assert timer.due_at == incomplete.at + RETRY_AFTER


async def test_the_timer_of_a_lead_that_is_gone_is_removed(enricher):
    timer = TimerRow("nobody", "enricher", "enrich-again", AT)
    enricher.rows.add([timer])
    assert await enricher.advance(timedelta()) is Outcome.UNCHANGED
    assert enricher.rows.all(TimerRow) == []
    assert enricher.emitted == []


async def test_a_complete_lead_never_has_a_timer(enricher):
    enricher.lookup.result = LookupResult((MATCH,), {}, "complete")
    await enricher.submit()
    assert enricher.rows.all(TimerRow) == []

"""An opt-out is recorded on the lead, before or after the first form of the person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.enricher.domain.record import LeadRow
from shared.lead.events.parts import Consent
from shared.lead.events.signal_received import SignalAccount, SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.worker.decision import Outcome
from tests.support.forms import ANA, AT

PHONE = "+4930901820"


async def test_an_opt_out_is_an_event_of_the_same_revision(enricher):
    await enricher.submit(title="CTO")
    assert await enricher.opt_out() is Outcome.APPLIED
    [lead] = enricher.emitted
    assert (lead.revision, lead.sequence) == (1, 2)
    assert (lead.consent.opted_out, lead.consent.at) == (True, AT)
    assert lead.trigger is not None
    assert (lead.trigger.kind, lead.trigger.type) == ("signal", "opt_out")
    assert lead.person.title == "CTO"


async def test_a_second_opt_out_changes_nothing(enricher):
    await enricher.submit()
    await enricher.opt_out()
    assert await enricher.opt_out() is Outcome.UNCHANGED
    assert enricher.emitted == []
    assert enricher.lead().sequence == 2


async def test_an_opt_out_before_the_first_form_is_kept_in_the_row_that_reserves_the_id(enricher):
    assert await enricher.opt_out() is Outcome.PARKED
    row = enricher.rows.get(LeadRow, lead_id_of(f"email:{ANA}"))
    assert (row.revision, row.sequence, row.consent.opted_out) == (0, 0, True)
    assert enricher.emitted == []


async def test_the_first_form_after_an_opt_out_is_opted_out(enricher):
    await enricher.opt_out()
    await enricher.submit(consent=Consent(marketing=True))
    [lead] = enricher.emitted
    assert (lead.revision, lead.sequence) == (1, 1)
    assert (lead.consent.opted_out, lead.consent.marketing) == (True, True)


async def test_an_opt_out_before_a_join_holds_for_the_joined_lead(enricher):
    """The address opted out under its own id, and then joins a lead that was there before."""
    await enricher.submit(None, phone=PHONE)
    await enricher.opt_out(ANA)
    await enricher.submit(ANA, phone=PHONE)
    assert enricher.emitted[0].lead_id == lead_id_of(f"phone:{PHONE}")
    assert enricher.emitted[0].consent.opted_out


async def test_an_opt_out_after_a_join_reaches_the_joined_lead(enricher):
    await enricher.submit(None, phone=PHONE)
    await enricher.submit(ANA, phone=PHONE)
    await enricher.opt_out(ANA)
    [lead] = enricher.emitted
    assert (lead.lead_id, lead.sequence, lead.consent.opted_out) == (lead_id_of(f"phone:{PHONE}"), 3, True)


async def test_an_opt_out_in_another_spelling_is_the_same_person(enricher):
    await enricher.submit()
    await enricher.opt_out("ANA+newsletter@brightloom.example")
    assert enricher.lead().consent.opted_out


async def test_an_opt_out_repeated_before_the_first_form_keeps_the_latest_time(enricher):
    await enricher.opt_out()
    await enricher.advance(timedelta(hours=1))
    assert await enricher.opt_out() is Outcome.PARKED
    row = enricher.rows.get(LeadRow, lead_id_of(f"email:{ANA}"))
    assert row.consent.at == AT + timedelta(hours=1)


@pytest.mark.parametrize("email", [None, "no address"])
async def test_an_opt_out_without_a_readable_address_changes_nothing(enricher, email):
    await enricher.submit()
    assert await enricher.opt_out(email) is Outcome.UNCHANGED


async def test_other_signals_change_no_lead(enricher):
    await enricher.submit()
    funding = SignalReceivedV1(
        type="funding_round", occurred_at=AT, account=SignalAccount(domain="brightloom.example")
    )
    assert await enricher.receive(funding) is Outcome.UNCHANGED
    assert enricher.emitted == []

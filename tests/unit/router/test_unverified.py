"""A lead is unverified while nothing but public forms speaks for it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.unverified import is_unverified
from shared.lead.events.parts import FieldSource, Person, Trigger
from shared.lead.events.scoring import AccountView, Signals
from tests.support.scored_leads import AT, scored_lead

FORM, VENDOR = FieldSource("form", 1, 0, AT), FieldSource("hunter", 0.9, 2, AT)


def junk(**changes: Any) -> bool:
    lead = scored_lead("ana")
    bare = replace(
        lead,
        trust="public",
        score=replace(lead.score, fit=0),
        signals=Signals(),
        account_view=AccountView(),
        provenance={"person.email": FORM},
        trigger=Trigger("lead", "event-1"),
    )
    return is_unverified(replace(bare, **changes))


def test_a_lead_of_public_forms_alone_is_unverified():
    assert junk()
    assert junk(trigger=Trigger("enrichment", "event-2"))


@pytest.mark.parametrize(
    "fact",
    [
        {"trust": None},
        {"trust": "signed"},
        {"score": replace(scored_lead("ana").score, fit=10)},
        {"signals": Signals(types=["funding_round"])},
        {"trigger": Trigger("signal", "event-1", "webinar")},
        {"provenance": {"person.email": FORM, "company.employees": VENDOR}},
        {"provenance": {"person.email_status": VENDOR}, "person": Person(email_status="verified")},
        {"account_view": AccountView(relation="customer")},
        {"account_view": AccountView(open_opportunity=True)},
        {"account_view": AccountView(owner="ae-1")},
    ],
    ids=str,
)
def test_any_fact_speaks_for_a_lead(fact):
    assert not junk(**fact)


@pytest.mark.parametrize("status", ["invalid", "risky", "unknown", None])
def test_an_address_that_is_not_verified_is_no_fact(status):
    assert junk(provenance={"person.email_status": VENDOR}, person=Person(email_status=status))

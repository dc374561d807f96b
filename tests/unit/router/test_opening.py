"""The opening speaks of the trigger, thanks nobody who did nothing, and is signed by the present owner."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.brief import build_brief
from shared.lead.events.parts import Activity, Company, Origin, Person, Trigger
from shared.lead.events.routing import BriefHandOff
from shared.lead.events.scoring import LiveSignal, Signals
from tests.support.scored_leads import AT, scored_lead

DANA = Person(email="dana@kestrel.example", first_name="Dana")
TAIL = "Would a short call this week suit you? Best, Ana Ruiz"
BY_ANA = BriefHandOff("Bo Ek", {"need": "payouts"})


def intro(hand_off: BriefHandOff | None = None, /, **given: Any) -> str:
    lead = replace(scored_lead(person=DANA), **{"message": None, **given})
    return build_brief(lead, "bant", at=AT, owner="Ana Ruiz", hand_off=hand_off).warm_intro


def did(type_: str) -> dict[str, Any]:
    return {"activities": [Activity(type_, AT)], "trigger": Trigger("lead", "a", type_)}


def told(type_: str, **details: Any) -> dict[str, Any]:
    signal = LiveSignal("s", type_, AT - timedelta(days=5), 40, True, None, details)
    return {"signals": Signals(True, [type_], [signal]), "trigger": Trigger("signal", "s", type_)}


@pytest.mark.parametrize(
    ("given", "occasion"),
    [
        (did("demo_request"), "thank you for asking for a demo for Kestrel."),
        (did("contact_request"), "thank you for getting in touch from Kestrel."),
        (did("webinar"), "thank you for joining our webinar."),
        (did("pricing_view"), "if you are weighing up prices, I can put together what fits Kestrel."),
        (told("funding_round", amount_usd=30_000_000, round="B"),
         "I saw that Kestrel raised 30 M USD, Series B: congratulations."),
        (told("executive_hire", name="Rosa Lindqvist", title="CRO"),
         "I saw that a new CRO, Rosa Lindqvist, joined Kestrel."),
        (told("contract_expiry", vendor="Rivalworks", expires_on="2026-03-31"),
         "I understand that your contract with Rivalworks ends on 31 March, and I can show you an alternative."),
        (told("technology_added", technology="Snowflake"), "I saw that Kestrel started using Snowflake."),
        (told("hiring_surge", open_roles=14), "I saw that Kestrel is hiring (14 open roles)."),
        (told("hiring_surge"), "I saw that Kestrel is hiring."),
        (told("funding_round"), "I saw that Kestrel announced a funding round: congratulations."),
        (told("executive_hire"), "I saw that a new executive joined Kestrel."),
        (told("contract_expiry", expires_on="2026-03-31"),
         "I understand that your present contract ends on 31 March, and I can show you an alternative."),
        (told("technology_added"), "I saw that Kestrel started using a new tool."),
        (told("technology_removed"), "I saw that Kestrel stopped using one of its tools."),
        (told("news"), "I saw Kestrel in the news."),
        (told("job_change"), "I saw that there are new faces at Kestrel."),
        (told("news", headline="New office"), "I saw Kestrel in the news: “New office”."),
        (told("job_change", name="Bo Ek", to="Kestrel"), "I saw that Bo Ek moved to Kestrel."),
    ],
)  # fmt: skip
def test_it_speaks_of_the_trigger(given, occasion):
    assert intro(**given) == f"Hi Dana, {occasion} {TAIL}"


@pytest.mark.parametrize(
    "given",
    [
        {"trigger": Trigger("lead", "a", None)},
        {"trigger": Trigger("account", "a", "target")},
        {"trigger": Trigger("signal", "a", "funding_round")},
        {"trigger": Trigger("lead", "a", "demo_request"), "activities": []},
        did("page_view"),
        told("intent_surge", topic="lead routing"),
    ],
    ids=str,
)
def test_it_thanks_nobody_who_did_nothing(given: dict[str, Any]):
    text = intro(**given)
    assert "thank" not in text.casefold()
    assert "I am the contact for Kestrel here." in text


def test_a_watched_topic_is_not_told_to_the_buyer():
    assert "lead routing" not in intro(**told("intent_surge", topic="lead routing"))


def test_an_earlier_request_is_taken_up():
    given: dict[str, Any] = {
        "activities": [Activity("demo_request", AT)],
        "trigger": Trigger("lead", "a", "page_view"),
    }
    assert intro(**given) == f"Hi Dana, I am coming back to your request for a demo. {TAIL}"


@pytest.mark.parametrize(
    ("given", "occasion"),
    [
        (did("demo_request"), "Bo Ek passed your request for a demo on to me, and I take it from here."),
        ({}, "Bo Ek passed our conversation on to me, and I take it from here."),
        (
            told("funding_round"),
            "I saw that Kestrel announced a funding round: congratulations. I take over from Bo Ek.",
        ),
    ],
    ids=str,
)
def test_the_next_owner_says_who_passed_the_lead_on(given: dict[str, Any], occasion: str):
    assert intro(BY_ANA, **given) == f"Hi Dana, {occasion} {TAIL}"
    assert "my colleague passed" in intro(BriefHandOff(None, {}), **did("demo_request"))


def test_what_happened_since_the_hand_off_is_not_said_to_have_been_passed_on():
    lead = replace(scored_lead(person=DANA), **did("demo_request"))

    def opening_since(owned_since: datetime) -> str:
        return build_brief(lead, "bant", at=AT, hand_off=BY_ANA, owned_since=owned_since).warm_intro

    assert "Bo Ek passed" in opening_since(AT)
    assert opening_since(AT - timedelta(days=1)).startswith("Hi Dana, thank you for asking for a demo")


def test_without_a_name_or_a_company_it_still_reads():
    lead = scored_lead(person=Person(email="a@gmail.com"), message=None)
    lead = replace(lead, company=Company(), account=lead.lead_id, source=Origin(), activities=[])
    assert build_brief(lead, "bant", at=AT).warm_intro == (
        "Hello, I wanted to introduce myself: I am your contact here. Would a short call this week suit you?"
    )

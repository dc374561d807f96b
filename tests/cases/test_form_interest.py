"""Which activity a form is, and whom that takes a fitting lead to, under the default policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.moved_clock import MovedClock

FITTING = {"job title": "VP Operations", "company size": "201-500", "industry": "software", "country": "US"}
DEMO, CONTACT, DOWNLOAD, NONE = "demo_request", "contact_request", "content_download", None

FORMS = [
    ({"message": "We would like to see a demo"}, DEMO),
    ({"Message": "What is your PRICING for 40 seats?"}, DEMO),
    ({"How can we help?": "We want to talk to sales"}, DEMO),
    ({"comments": "Democracy is a fine thing"}, CONTACT),
    ({"message": "Do you have an office in Ghent?"}, CONTACT),
    ({"form_name": "Book a Demo"}, DEMO),
    ({"Form Name": "Newsletter"}, NONE),
    ({"form name": "E-book: routing in practice"}, DOWNLOAD),
    ({"form name": "The complete Guide"}, DOWNLOAD),
    ({"page_url": "https://www.example.com/Demo?utm_source=x"}, DEMO),
    ({"page url": "https://www.example.com/downloads/report.pdf"}, DOWNLOAD),
    ({"page": "/de/demo/"}, DEMO),
    ({"Interest": "Pricing"}, DEMO),
    ({"interest[]": "demo"}, DEMO),
    ({"interest": "careers"}, NONE),
    ({"interest": "careers", "message": "Are you hiring?"}, CONTACT),
    ({}, NONE),
]
QUEUES = {
    DEMO: ("senior-ae", "high-intent"),
    CONTACT: ("sdr", "fits"),
    DOWNLOAD: ("sdr", "fits"),
    NONE: ("sdr", "fits"),
}
INTENTS = {DEMO: 90, CONTACT: 70, DOWNLOAD: 30, NONE: 0}


@pytest.fixture(scope="module")
def views(api: Api) -> list[dict[str, Any]]:
    """The views of all forms once they are routed."""
    sent = [
        api.post_form({"email": f"vera@interest{index}.example", **FITTING, **fields})
        for index, (fields, _) in enumerate(FORMS)
    ]
    return [api.settled(one) for one in sent]


@pytest.mark.parametrize(("index", "fields", "activity"), [(n, *case) for n, case in enumerate(FORMS)])
def test_what_a_form_is_decides_its_intent_and_its_queue(
    views: list[dict[str, Any]], index: int, fields: dict[str, str], activity: str | None
) -> None:
    view = views[index]
    assert view["score"]["intent"] == INTENTS[activity]
    assert (view["decision"]["queue"], view["decision"]["rule"]) == QUEUES[activity]


@pytest.mark.parametrize(
    ("age", "intent"), [(timedelta(days=60), 5), (timedelta(days=-400), 90), (timedelta(), 90)]
)
def test_an_activity_has_the_time_of_the_form_but_none_after_its_arrival(
    api: Api, moved_clock: MovedClock, age: timedelta, intent: int
) -> None:
    submitted_at = (moved_clock.now() - age).isoformat()
    fields = {
        "email": f"ada@submitted{age.days}.example",
        "message": "A demo, please",
        "submitted at": submitted_at,
    }
    assert api.settled(api.post_form({**fields, **FITTING}))["score"]["intent"] == intent


def test_what_a_stranger_says_of_server_side_facts_decides_nothing(api: Api, moved_clock: MovedClock) -> None:
    body = {
        "person": {
            "email": "mallory@boaster.example",
            "email_status": "verified",
            "seniority": "cxo",
            "department": "partnerships",
        },
        "company": {
            "employees": 300,
            "industry": "software",
            "revenue_usd": 62_000_000,
            "funding_total_usd": 5,
        },
        "source": {"channel": "partner", "name": "partner-portal"},
        "activities": [{"type": "demo_request", "at": moved_clock.now().isoformat()}],
    }
    answer = api.http.post("/hooks/forms/website", json=body)
    assert answer.status_code == 202, answer.text
    view = api.settled(answer.json())
    assert (view["score"]["intent"], view["decision"]["rule"]) == (0, "fits")
    assert view["person"].get("seniority") is None
    assert view["person"].get("email_status") != "verified"
    assert view["company"].get("revenue_usd") is None


def test_a_form_that_fills_a_hidden_field_is_spam(api: Api) -> None:
    caught = api.post_form({"email": "bot@honeypot.example", **FITTING, "_gotcha": "https://spam.example"})
    unseen = api.post_form(
        {"email": "ann@honeypot-empty.example", **FITTING, "_gotcha": " ", "bot-field": ""}
    )
    assert api.settled(caught)["status"] == "suppressed"
    assert api.settled(caught)["decision"]["reason"] == "spam"
    assert api.settled(unseen)["status"] == "routed"
    human = api.post_lead({"person": {"email": "bot@honeypot.example"}, "company": {"employees": 300}})
    assert api.settled(human)["status"] == "routed"


PARTNERS = [
    {"Interest": "Partnership"},
    {"interest[]": "partnership"},
    {"INTEREST": "reseller"},
    {" interest ": " Integration "},
    {"Interest *": "Partnership"},
]


def test_the_partner_rule_sees_an_interest_under_any_spelling_of_its_label(api: Api) -> None:
    base = {**FITTING, "job title": "Head of Ops"}
    sent = [
        api.post_form({"email": f"lee@alliance{index}.example", **base, **fields})
        for index, fields in enumerate(PARTNERS)
    ]
    lead = {
        "person": {"email": "lee@alliance-api.example"},
        "company": {"employees": 90, "industry": "software"},
    }
    sent.append(api.post_lead({**lead, "answers": {"Interest": "Partnership"}}))
    assert {api.settled(one)["decision"]["rule"] for one in sent} == {"partner"}

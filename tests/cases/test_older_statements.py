"""A statement that says it is older fills gaps only, in whatever order the statements arrive."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.moved_clock import MovedClock

Fields = dict[str, Any]


def lead(email: str, days_old: float, clock: MovedClock, **parts: Fields) -> Fields:
    """Return the body of a lead that was submitted that many days ago."""
    person = {"email": email, **parts.pop("person", {})}
    source = {"submitted_at": (clock.now() - timedelta(days=days_old)).isoformat(), **parts.pop("source", {})}
    return {"person": person, "source": source, **parts}


NEW: Fields = {
    "person": {"title": "Chief Financial Officer", "first_name": "Stella"},
    "company": {"employees": 300},
    "message": "We would like to talk",
    "answers": {"team": "finance"},
    "source": {"campaign": "spring"},
}
OLD: Fields = {
    "person": {"title": "Junior Accountant", "last_name": "Hart", "phone": "+49 30 9018311"},
    "company": {"employees": 8, "industry": "software"},
    "message": "Hello",
    "answers": {"team": "tax", "seats": "5"},
    "source": {"campaign": "winter", "channel": "paid"},
}


@pytest.mark.parametrize("order", [("new", "old"), ("old", "new")], ids="-then-".join)
def test_the_newer_statement_holds_and_the_older_one_fills_gaps(
    api: Api, moved_clock: MovedClock, order: tuple[str, str]
):
    email = f"st@stale-{order[0]}.example"
    bodies = {"new": lead(email, 0.1, moved_clock, **NEW), "old": lead(email, 2_500, moved_clock, **OLD)}
    for name in order:
        sent = api.post_lead(bodies[name])
        view = api.settled(sent)
    assert view["revision"] == 2
    assert view["person"] | {"email": email} == {
        "email": email,
        "email_kind": "work",
        "title": "Chief Financial Officer",
        "seniority": "cxo",
        "department": "finance",
        "first_name": "Stella",
        "last_name": "Hart",
        "phone": "+49309018311",
    }
    assert (view["company"]["employees"], view["company"]["industry"]) == (300, "software")
    [*_, enriched] = [one for one in api.timeline(sent["lead_id"]) if one["type"] == "baton.lead.enriched.v1"]
    assert enriched["data"]["message"] == "We would like to talk"
    assert enriched["data"]["answers"] == {"team": "finance", "seats": "5"}
    assert (enriched["data"]["source"]["campaign"], enriched["data"]["source"]["channel"]) == (
        "spring",
        "paid",
    )


def test_the_order_of_three_statements_makes_no_difference(api: Api, moved_clock: MovedClock):
    titles = {30: "Analyst", 20: "VP of Sales", 10: None, 40: "Intern"}
    for number, order in enumerate(permutations(titles)):
        if number % 5:  # every fifth of the 24 orders
            continue
        for days in order:
            person = {"title": titles[days]} if titles[days] else {}
            sent = api.post_lead(lead(f"zo@order-{number}.example", days, moved_clock, person=person))
            view = api.settled(sent)
        assert (view["revision"], view["person"]["title"], view["person"]["seniority"]) == (
            4,
            "VP of Sales",
            "vp",
        )


def test_a_time_after_the_arrival_counts_as_the_arrival(api: Api, moved_clock: MovedClock):
    email = "fu@futurehouse.example"
    api.settled(api.post_lead(lead(email, -3_650, moved_clock, person={"title": "CEO of tomorrow"})))
    view = api.settled(api.post_lead(lead(email, 0, moved_clock, person={"title": "Head of Sales"})))
    assert view["person"]["title"] == "Head of Sales"


def test_a_statement_without_a_time_is_of_its_arrival(api: Api, moved_clock: MovedClock):
    email = "no@undated.example"
    api.settled(api.post_lead(lead(email, 1, moved_clock, person={"title": "CTO"})))
    view = api.settled(api.post_lead({"person": {"email": email, "title": "CEO"}}))
    assert (view["person"]["title"], view["provenance"]["person.title"].keys()) == (
        "CEO",
        {"source", "confidence", "cost", "at"},
    )


@pytest.mark.parametrize("body", [{"trust": "internal"}, {"consent": {"opted_out": False, "proven": True}}])
def test_a_caller_cannot_say_how_far_it_is_trusted(api: Api, body: Fields):
    answer = api.http.post("/v1/leads", json={"person": {"email": "own@word.example"}, **body})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["detail"] == "This field is set by Baton alone"

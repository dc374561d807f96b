"""What anybody can type into a public form never replaces what a better source has stated of the person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api

KNOWN: dict[str, Any] = {
    "person": {
        "first_name": "Nora",
        "last_name": "Vance",
        "title": "VP of Sales",
        "phone": "+49 30 9018355",
        "linkedin_url": "https://www.linkedin.com/in/nora-vance",
        "country": "DE",
    },
    "company": {"name": "Tidewater", "employees": 300, "industry": "software", "country": "US"},
}

# What the public form says; the field of the view that stays, and its value.
OVERWRITES = [
    ({"phone": "+49 30 9018999"}, "person.phone", "+49309018355"),
    ({"title": "Student"}, "person.title", "VP of Sales"),
    ({"title": "Student"}, "person.seniority", "vp"),
    ({"first name": "Nobody"}, "person.first_name", "Nora"),
    (
        {"linkedin": "https://www.linkedin.com/in/somebody-else"},
        "person.linkedin_url",
        "https://www.linkedin.com/in/nora-vance",
    ),
    ({"country": "France"}, "person.country", "DE"),
    ({"company size": "5"}, "company.employees", 300),
    ({"company": "Nobody Ltd"}, "company.name", "Tidewater"),
    ({"industry": "agriculture"}, "company.industry", "software"),
    ({"website": "https://elsewhere.example"}, "company.domain", None),
]


@pytest.mark.parametrize(("typed", "field", "value"), OVERWRITES)
def test_a_public_form_does_not_overwrite_what_a_known_source_stated(
    api: Api, request: pytest.FixtureRequest, typed: dict[str, str], field: str, value: object
):
    domain = f"tidewater-{OVERWRITES.index((typed, field, value))}.example"
    person = KNOWN["person"] | {"email": f"nora@{domain}"}
    known = api.settled(api.post_lead(KNOWN | {"person": person}))
    view = api.settled(api.post_form({"email": f"nora@{domain}", **typed}))
    part, _, name = field.partition(".")
    assert view["revision"] == 2
    assert view[part][name] == (domain if value is None else value)
    assert view["provenance"] == known["provenance"]
    assert (view["account"], view["owner"]) == (domain, known["owner"])


def test_a_public_form_fills_gaps_and_its_message_is_read(api: Api):
    email = "gap@gapfiller.example"
    api.settled(api.post_lead({"person": {"email": email, "title": "CTO"}}))
    sent = api.post_form({"email": email, "phone": "+49 30 9018366", "message": "Call me", "team size": "40"})
    view = api.settled(sent)
    assert (view["person"]["title"], view["person"]["phone"], view["company"]["employees"]) == (
        "CTO",
        "+49309018366",
        40,
    )
    [*_, enriched] = [one for one in api.timeline(sent["lead_id"]) if one["type"] == "baton.lead.enriched.v1"]
    assert enriched["data"]["message"] == "Call me"


def test_a_public_form_replaces_what_a_public_form_said(api: Api):
    email = "again@publicagain.example"
    api.settled(api.post_form({"email": email, "title": "Analyst", "company size": "30"}))
    view = api.settled(api.post_form({"email": email, "title": "CTO", "company size": "60"}))
    assert (view["person"]["title"], view["company"]["employees"]) == ("CTO", 60)


def test_a_known_source_replaces_what_a_public_form_said(api: Api):
    email = "proof@provenlater.example"
    api.settled(api.post_form({"email": email, "title": "Student", "company size": "3"}))
    older = {"submitted_at": "2020-05-01T10:00:00Z"}
    body = {"person": {"email": email, "title": "CTO"}, "company": {"employees": 60}, "source": older}
    view = api.settled(api.post_lead(body))
    assert (view["person"]["title"], view["company"]["employees"]) == ("CTO", 60)


def test_an_unproven_opt_in_lifts_an_unproven_opt_out_only(api: Api):
    out, back = {"opted out": "yes"}, {"opted out": "no", "newsletter": "yes"}
    email = "typed@unproven.example"
    assert api.settled(api.post_form({"email": email, **out}))["status"] == "suppressed"
    assert api.settled(api.post_form({"email": email, **back}))["status"] == "routed"
    proven = {"person": {"email": email}, "consent": {"opted_out": True}}
    assert api.settled(api.post_lead(proven))["status"] == "suppressed"
    assert api.settled(api.post_form({"email": email, **back}))["status"] == "suppressed"
    proven["consent"] = {"opted_out": False}
    assert api.settled(api.post_lead(proven))["status"] == "routed"

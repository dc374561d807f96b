"""Labels as form builders write them, e-mail addresses that cannot be read, and whose address counts.

What is read of a form is asked of the preview of its source; that the lead arrives, of Baton as a whole.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api

PHONE = "+49 30 9018266"
PROFILE = "https://www.linkedin.com/in/rosa-klein-tiles"

READ = [
    # labels in brackets, with a prefix, numbered
    ({"form_fields[email]": "w@wrapped.example"}, {"person.email": "w@wrapped.example"}),
    ({"lead[email]": "w@wrapped.example", "lead[company]": "Wrapped"}, {"company.name": "Wrapped"}),
    ({"email-1": "w@wrapped.example", "name-1": "Wim Wolf"}, {"person.last_name": "Wolf"}),
    ({"your-email": "w@wrapped.example", "your-message": "Hello"}, {"message": "Hello"}),
    ({"fields[email][value]": "w@wrapped.example"}, {"person.email": "w@wrapped.example"}),
    ({"data[merges][EMAIL]": "w@wrapped.example", "data[merges][LNAME]": "Wolf"}, {"person.last_name": "Wolf"}),
    ({"What is your work e-mail?": "w@wrapped.example"}, {"person.email": "w@wrapped.example"}),
    # no label says which one is the address
    ({"input_3": "w@wrapped.example", "input_1": "Wim"}, {"person.email": "w@wrapped.example", "answers": {"input 1": "Wim"}}),
    ({"field_a1": "w@wrapped.example", "field_b2": "no address"}, {"person.email": "w@wrapped.example"}),
    # two addresses: the person's by its label
    ({"billing contact's e-mail": "b@ill.example", "your work e-mail": "w@wrapped.example"}, {"person.email": "w@wrapped.example", "answers": {"billing contact s e mail": "b@ill.example"}}),
    ({"your work e-mail": "w@wrapped.example", "billing contact's e-mail": "b@ill.example"}, {"person.email": "w@wrapped.example"}),
    ({"Private e-mail": "me@home.example", "E-mail": "w@wrapped.example"}, {"person.email": "w@wrapped.example", "answers": {"private e mail": "me@home.example"}}),
    ({"email": "me@home.example", "business email": "w@wrapped.example"}, {"person.email": "w@wrapped.example", "answers": {"email": "me@home.example"}}),
    ({"Friend's email": "f@riend.example", "email": "w@wrapped.example"}, {"person.email": "w@wrapped.example"}),
    ({"input_1": "b@ill.example", "input_2": "w@wrapped.example", "email": "w@wrapped.example"}, {"person.email": "w@wrapped.example", "answers": {"input 1": "b@ill.example", "input 2": "w@wrapped.example"}}),
    ({"email": "w@wrapped.example, b@ill.example"}, {"person.email": "w@wrapped.example", "answers": {"email": "w@wrapped.example, b@ill.example"}}),
    # an address that cannot be read, beside something that identifies the person
    ({"email": "none", "phone": PHONE}, {"person.email": None, "person.phone": PHONE, "answers": {"email": "none"}}),
    ({"E-Mail": "rosa@", "phone": PHONE, "name": "Rosa Klein"}, {"person.first_name": "Rosa", "answers": {"e mail": "rosa@"}}),
    ({"email": "n/a", "LinkedIn": PROFILE}, {"person.linkedin_url": PROFILE, "answers": {"email": "n/a"}}),
    ({"work email": "will send later", "website": "www.redbrick.example"}, {"company.domain": "www.redbrick.example", "answers": {"work email": "will send later"}}),
    ({"email": "x", "person.phone": PHONE, "your email": "y"}, {"answers": {"email": "x", "your email": "y"}}),
    ({"billing e-mail": "b@ill.example", "phone": PHONE}, {"person.email": None, "answers": {"billing e mail": "b@ill.example"}}),
    # answers have plain labels
    ({"email": "a@b.example", "Interest": "Partnership"}, {"answers": {"interest": "Partnership"}}),
    ({"email": "a@b.example", "form_fields[Team Size?]": "9", "teamColour": "red"}, {"company.employees": 9, "answers": {"team colour": "red"}}),
    # company sizes
    ({"email": "a@b.example", "your-interest": "Partnership"}, {"answers": {"interest": "Partnership"}}),
    ({"email": "a@b.example", "company size": "1.5k"}, {"company.employees": 1500}),
    ({"email": "a@b.example", "Unternehmensgröße": "1.000-5.000"}, {"company.employees": 1000}),
    ({"email": "a@b.example", "company size": "Nov-50"}, {"company.employees": None, "answers": {"company size": "Nov-50"}}),
]  # fmt: skip


def _value(lead: dict[str, Any], path: str) -> Any:
    part, _, name = path.partition(".")
    found = lead.get(part, {})
    return found.get(name) if name else found


@pytest.mark.parametrize(("fields", "read"), READ)
@pytest.mark.parametrize("urlencoded", [True, False])
def test_what_is_read_of_a_form(
    api: Api, fields: dict[str, str], read: dict[str, Any], urlencoded: bool
) -> None:
    path = "/v1/sources/website/preview"
    answer = api.http.post(path, data=fields) if urlencoded else api.http.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    assert {path: _value(answer.json()["lead"], path) for path in read} == read


def test_a_lead_in_the_shape_of_the_api_is_read_so_too(api: Api) -> None:
    body = {"person": {"email": "none", "phone": PHONE}, "answers": {"Interest": "demo"}}
    lead = api.http.post("/v1/sources/website/preview", json=body).json()["lead"]
    assert (lead["person"], lead["answers"]) == ({"phone": PHONE}, {"interest": "demo", "email": "none"})


@pytest.mark.parametrize(
    "fields", [{"email": "none"}, {"email": "rosa@", "name": "Rosa Klein"}, {"name": "Rosa"}]
)
def test_a_form_that_identifies_nobody_is_refused(api: Api, fields: dict[str, str]) -> None:
    answer = api.http.post("/hooks/forms/website", data=fields)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == ("/person/email" if "email" in fields else "")


def test_a_lead_by_phone_is_routed_with_what_was_typed_among_its_answers(api: Api) -> None:
    sent = api.post_form({"email": "none", "phone": "+49 30 9018299"})
    assert api.settled(sent)["status"] == "routed"
    received = next(
        entry for entry in api.timeline(sent["lead_id"]) if entry["type"] == "baton.lead.received.v1"
    )
    assert received["data"]["answers"] == {"email": "none"}

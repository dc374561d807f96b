"""A plus in an e-mail address reaches every query, percent-encoded or not."""

from __future__ import annotations

import pytest

from services.gateway.domain.email_query import with_plus_signs
from tests.support.api import Api

SAM = "sam+news@plusfield.example"
QUERIES = [
    "sam+news@plusfield.example",
    "sam%2Bnews@plusfield.example",
    "Sam%20Ray%20<sam%2Bnews@plusfield.example>",
]


@pytest.mark.parametrize(
    ("decoded", "email"),
    [
        ("sam news@plusfield.example", SAM),
        ("sam+news@plusfield.example", SAM),
        ("sam news 2@plusfield.example", "sam+news+2@plusfield.example"),
        ("Sam Ray <sam@plusfield.example>", "Sam Ray <sam@plusfield.example>"),
        (" sam@plusfield.example", " sam@plusfield.example"),
        ("not an address", "not+an+address"),
        (None, None),
    ],
)
def test_a_blank_is_a_plus_unless_the_address_can_be_read(decoded: str | None, email: str | None):
    assert with_plus_signs(decoded) == email


@pytest.mark.parametrize("query", QUERIES)
def test_the_lead_is_listed_and_exported(api: Api, query: str):
    lead = api.settled(api.post_lead({"person": {"email": SAM, "first_name": query[:5]}}))["lead_id"]
    listed = api.http.get(f"/v1/leads?email={query}").json()["data"]
    assert [row["lead_id"] for row in listed] == [lead]
    exported = api.http.get(f"/v1/people/export?email={query}")
    assert (exported.status_code, len(exported.json()["leads"])) == (200, 1)


def test_the_person_is_erased(api: Api):
    sent = api.post_lead({"person": {"email": "kim+news@plusfield.example"}})
    api.settled(sent)
    erased = api.http.delete("/v1/people?email=kim+news@plusfield.example")
    assert (erased.status_code, erased.json()["lead_ids"]) == (202, [sent["lead_id"]])

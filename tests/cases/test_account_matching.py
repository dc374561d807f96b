"""A lead without a company domain finds its account by the name of its company and a second fact."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cases.test_account_aliases import account, aliases_are, put_account
from tests.support.api import Api, eventually

FITTING = {"employees": 300, "industry": "software"}


def routed_lead(api: Api, email: str, name: str, **parts: Any) -> dict[str, Any]:
    answers = parts.pop("answers", {})
    company = {**FITTING, "name": name, "country": "DE", **parts}
    person = {"email": email, "title": "VP Sales"}
    return api.settled(api.post_lead({"company": company, "person": person, "answers": answers}))


def explained(api: Api, lead_id: str) -> dict[str, Any]:
    answer = api.http.get(f"/v1/leads/{lead_id}/explain")
    assert answer.status_code == 200, answer.text
    matching: dict[str, Any] = answer.json()["matching"]
    return matching


def account_is(api: Api, lead_id: str, expected: str) -> None:
    eventually(lambda: (api.view(lead_id) or {})["account"] == expected, what=f"{lead_id} in {expected}")


def choose(api: Api, lead_id: str, account: str | None) -> None:
    answer = api.http.post(f"/v1/leads/{lead_id}/account", json={"account": account})
    assert answer.status_code == 202, answer.text


def test_a_colleague_with_a_free_mailbox_joins_the_owner_of_the_account(api: Api):
    put_account(
        api, "brightloom.example", name="Brightloom GmbH", country="Germany", city="München", postcode="80331"
    )
    colleague = routed_lead(api, "a@brightloom.example", "Brightloom")
    lead = routed_lead(api, "anna.joins@gmail.com", "Bright Loom", answers={"City": "Munich"})
    assert (lead["account"], lead["owner"]) == ("brightloom.example", colleague["owner"])
    matching = explained(api, lead["lead_id"])
    assert (matching["account"], matching["by"], matching["score"]) == ("brightloom.example", "name", 91)
    [candidate] = matching["candidates"]
    assert (candidate["facts"], candidate["name_score"]) == (["city", "country"], 98)
    assert explained(api, colleague["lead_id"]) == {
        "account": "brightloom.example",
        "by": "domain",
        "score": None,
        "candidates": [],
        "tie_break": None,
        "actor": None,
    }
    known = account(api, "brightloom.example") or {}
    assert known["leads"] == 2
    assert "Matched to Brightloom GmbH by name, city and country, 91 of 100" in lead["brief"]["markdown"]


def test_an_alias_that_is_told_later_takes_its_matched_leads_along(api: Api):
    put_account(api, "tarnwell.example", name="Tarnwell", country="DE", phone="+49 30 123456-0")
    lead = routed_lead(api, "joins.later@gmail.com", "Tarnwell")
    assert lead["account"] == "tarnwell.example"
    put_account(api, "tarnwell-group.example", name="Tarnwell Group", aliases=["tarnwell.example"])
    account_is(api, lead["lead_id"], "tarnwell-group.example")
    put_account(api, "tarnwell-group.example", name="Tarnwell Group", aliases=[])
    account_is(api, lead["lead_id"], "tarnwell.example")


def test_a_form_that_comes_while_an_alias_holds_goes_with_the_alias(api: Api):
    told = {"name": "Ferncastle", "country": "DE", "phone": "+49 30 765432-0"}
    put_account(api, "ferncastle.example", **told)
    put_account(api, "ferncastle-group.example", name="Ferncastle Group", aliases=["ferncastle.example"])
    aliases_are(api, "ferncastle-group.example", "ferncastle.example")
    for _form in range(2):
        lead = routed_lead(api, "during.alias@gmail.com", "Ferncastle")
        assert lead["account"] == "ferncastle-group.example"
    put_account(api, "ferncastle-group.example", name="Ferncastle Group", aliases=[])
    account_is(api, lead["lead_id"], "ferncastle.example")
    later = routed_lead(api, "after.alias@gmail.com", "Ferncastle GmbH")
    assert later["account"] == "ferncastle.example"


def test_leads_that_came_before_their_account_join_it_when_it_is_told(api: Api):
    first = routed_lead(api, "came.first@gmail.com", "Larkhollow GmbH", answers={"City": "Bremen"})
    apart = routed_lead(api, "elsewhere.larkhollow@gmail.com", "Larkhollow", country="FR")
    for lead in (first, apart):
        assert lead["account"] == lead["lead_id"]
    put_account(api, "larkhollow.example", name="Larkhollow", country="DE", city="Bremen", owner="bdr-1")
    account_is(api, first["lead_id"], "larkhollow.example")
    eventually(lambda: explained(api, first["lead_id"])["by"] == "name", what="the explanation")
    put_account(api, "larkhollow.example", name="Larkhollow", country="FR")
    account_is(api, first["lead_id"], first["lead_id"])
    account_is(api, apart["lead_id"], "larkhollow.example")


def test_a_manager_splits_a_lead_and_puts_it_back(api: Api):
    put_account(api, "vantor.example", name="Vantor", country="DE", city="Berlin")
    place = {"answers": {"Stadt": "Berlin"}}
    lead = routed_lead(api, "wrong.vantor@gmail.com", "Vantor", **place)
    lead_id = lead["lead_id"]
    assert lead["account"] == "vantor.example"
    assert api.http.delete(f"/v1/leads/{lead_id}/account").status_code == 202
    account_is(api, lead_id, lead_id)
    matching = explained(api, lead_id)
    assert (matching["account"], matching["by"]) == (None, "manual")
    routed_lead(api, "wrong.vantor@gmail.com", "Vantor", **place)
    assert (api.view(lead_id) or {})["account"] == lead_id
    same = routed_lead(api, "another.vantor@gmail.com", "Vantor", **place)
    assert same["account"] == same["lead_id"]
    [candidate] = explained(api, same["lead_id"])["candidates"]
    assert candidate["rejected"] == "a person said that this company is another one"
    choose(api, lead_id, "www.vantor.example")
    account_is(api, lead_id, "vantor.example")
    third = routed_lead(api, "third.vantor@gmail.com", "Vantor", **place)
    assert third["account"] == "vantor.example"
    timeline = api.http.get(f"/v1/leads/{lead_id}/timeline").json()["data"]
    says = [entry["says"] for entry in timeline if entry["type"] == "baton.lead.matched.v1"]
    assert [line.partition("; by ")[0] for line in says] == [
        "split from its account",
        "put into the account vantor.example",
    ]


def test_a_name_that_a_manager_confirmed_is_remembered(api: Api):
    put_account(api, "olmera.example", name="Olmera", country="DE")
    lead = routed_lead(api, "first.olmera@gmail.com", "OLM Fabrics", answers={"PLZ": "10115"})
    assert lead["account"] == lead["lead_id"]
    choose(api, lead["lead_id"], "olmera.example")
    account_is(api, lead["lead_id"], "olmera.example")
    second = routed_lead(api, "second.olmera@gmail.com", "Olm Fabrics GmbH", answers={"Zip code": "D-10115"})
    assert second["account"] == "olmera.example"
    far = routed_lead(api, "far.olmera@gmail.com", "Olm Fabrics GmbH", country="FR")
    assert far["account"] == far["lead_id"]


PREVIEWS = [
    ({"company": {"domain": "www.kestrel.example"}}, ("kestrel.example", "domain", None)),
    ({"company": {}, "email": "x@kestrel-labs.example"}, ("kestrel.example", "alias", None)),
    ({"company": {"name": "Kestrel Logistic", "postcode": "20095"}}, ("kestrel.example", "name", None)),
    ({"company": {"name": "Kestrel Logistik", "country": "DE"}}, ("kestrel.example", "name", None)),
    ({"company": {"name": "Kestrel Logistik", "country": "FR"}}, (None, "none", "another country")),
    ({"company": {"name": "Kestrel Logistik"}}, (None, "none", "nothing but the name agrees")),
    (
        {"company": {"name": "Kestrel Logistik", "domain": "elsewhere.example", "country": "DE"}},
        ("elsewhere.example", "domain", "its domain is another one, and only the country agrees"),
    ),
    ({"company": {"name": "Kestrel"}, "email": "someone@gmail.com"}, (None, "none", None)),
]


@pytest.mark.parametrize(("body", "expected"), PREVIEWS, ids=[str(index) for index in range(len(PREVIEWS))])
def test_a_preview_shows_the_account_and_stores_nothing(api: Api, body, expected):
    told = {"name": "Kestrel Logistik GmbH", "country": "DE", "city": "Hamburg", "postcode": "20095"}
    put_account(api, "kestrel.example", aliases=["kestrel-labs.example"], **told)
    eventually(
        lambda: (account(api, "kestrel.example") or {}).get("aliases") == ["kestrel-labs.example"],
        what="the alias",
    )
    answer = api.http.post("/v1/accounts/match", json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    rejected = [one["rejected"] for one in shown["candidates"] if one.get("rejected")]
    assert (shown["account"], shown["by"], rejected[0] if rejected else None) == expected
    assert api.http.post("/v1/accounts/match", json={}).status_code == 422


def test_what_cannot_be_chosen_is_refused(api: Api):
    assert api.http.post("/v1/leads/nobody/account", json={"account": "a.example"}).status_code == 404
    lead = routed_lead(api, "refused@gmail.com", "Nobody's")
    answer = api.http.post(f"/v1/leads/{lead['lead_id']}/account", json={"account": "gmail.com"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/account"

"""The aliases of an account are one account: one owner, one list, one count, and its signals score all leads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

FITTING = {"company": {"employees": 300, "industry": "software", "country": "US"}}


def put_account(api: Api, domain: str, **body: Any) -> None:
    answer = api.http.put(f"/v1/accounts/{domain}", json=body)
    assert answer.status_code == 202, answer.text
    eventually(lambda: account(api, domain), what=f"the account {domain}")


def account(api: Api, domain: str) -> dict[str, Any] | None:
    answer = api.http.get(f"/v1/accounts/{domain}")
    return answer.json() if answer.status_code == 200 else None


def aliases_are(api: Api, domain: str, *aliases: str) -> None:
    """Wait until the account has these aliases."""
    eventually(lambda: (account(api, domain) or {}).get("aliases") == [*aliases], what="the aliases")


def routed_lead(api: Api, email: str) -> dict[str, Any]:
    return api.settled(api.post_lead(FITTING | {"person": {"email": email, "title": "VP Sales"}}))


def listed(api: Api, domain: str) -> set[str]:
    answer = api.http.get("/v1/leads", params={"account": domain, "limit": 50})
    assert answer.status_code == 200, answer.text
    return {lead["lead_id"] for lead in answer.json()["data"]}


def test_leads_of_an_account_and_of_its_aliases_have_one_owner(api: Api, moved_clock: MovedClock):
    aliases = ["parco-labs.example", "parco.co.uk"]
    put_account(api, "parco.example", name="Parco", relation="target", aliases=aliases)
    emails = ("a@parco.example", "b@parco-labs.example", "c@parco.co.uk", "d@parco.example")
    views = [routed_lead(api, email) for email in emails]
    assert {view["account"] for view in views} == {"parco.example"}
    assert len({view["owner"] for view in views}) == 1
    ids = {view["lead_id"] for view in views}
    for domain in ("parco.example", *aliases, "www.parco-labs.example"):
        assert listed(api, domain) == ids
        known = account(api, domain)
        assert known is not None
        assert (known["account"], known["leads"], known["aliases"]) == ("parco.example", 4, aliases)
    occurred_at = (moved_clock.now() - timedelta(hours=1)).isoformat()
    signal = {
        "type": "funding_round",
        "account": {"domain": "parco-labs.example"},
        "occurred_at": occurred_at,
    }
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    for lead_id in ids:
        eventually(lambda: (api.view(lead_id) or {})["score"]["intent"] == 40, what="the re-score")  # noqa: B023
    owners = {(api.view(lead_id) or {})["owner"] for lead_id in ids}
    assert len(owners) == 1


def test_an_alias_that_is_told_later_joins_and_one_that_is_withdrawn_leaves(api: Api):
    first = routed_lead(api, "a@later.example")
    second = routed_lead(api, "b@later-labs.example")
    assert (first["account"], second["account"]) == ("later.example", "later-labs.example")
    put_account(api, "later.example", aliases=["later-labs.example"])
    both = {first["lead_id"], second["lead_id"]}
    eventually(
        lambda: (api.view(second["lead_id"]) or {})["account"] == "later.example", what="the joined lead"
    )
    assert listed(api, "later-labs.example") == both
    assert (api.view(second["lead_id"]) or {})["owner"] == second["owner"]
    third = routed_lead(api, "c@later-labs.example")
    assert (third["account"], third["owner"]) == ("later.example", first["owner"])
    assert "existing-owner" in third["decision"]["rule"]
    put_account(api, "later.example", aliases=[])
    eventually(
        lambda: (api.view(second["lead_id"]) or {})["account"] == "later-labs.example", what="the left lead"
    )
    assert listed(api, "later.example") == {first["lead_id"]}
    eventually(lambda: (account(api, "later-labs.example") or {}).get("leads") == 2, what="the counts")
    assert (account(api, "later.example") or {})["leads"] == 1


CONFLICTS = [
    (
        "taken",
        ("other-{}.example", ["alias-{}.example"]),
        ("/aliases/0", "is an alias of main-taken.example already"),
    ),
    (
        "itself an alias",
        ("alias-{}.example", []),
        ("/domain", "is an alias of main-itself-an-alias.example"),
    ),
    ("a chain", ("top-{}.example", ["main-{}.example"]), ("/aliases/0", "aliases of its own")),
]


@pytest.mark.parametrize(("case", "told", "problem"), CONFLICTS, ids=[case for case, *_ in CONFLICTS])
def test_an_alias_that_cannot_join_is_refused(api: Api, case, told, problem):
    (domain, aliases), (pointer, words) = told, problem
    name = case.replace(" ", "-")
    put_account(api, f"main-{name}.example", aliases=[f"alias-{name}.example"])
    aliases_are(api, f"main-{name}.example", f"alias-{name}.example")
    body = {"relation": "target", "aliases": [alias.format(name) for alias in aliases]}
    answer = api.http.put(f"/v1/accounts/{domain.format(name)}", json=body)
    assert answer.status_code == 422
    [found] = answer.json()["errors"]
    assert found["pointer"] == pointer
    assert words in found["detail"]
    in_list = api.http.post("/v1/accounts", json=[body | {"domain": domain.format(name)}])
    assert in_list.status_code == 422


def test_one_list_may_move_an_alias_and_may_not_claim_it_twice(api: Api):
    one, two = {"domain": "one.example", "aliases": ["shared.example"]}, {"domain": "two.example"}
    answer = api.http.post("/v1/accounts", json=[one, two | {"aliases": ["shared.example"]}])
    results = answer.json()["results"]
    assert [result.get("account") for result in results] == ["one.example", None]
    aliases_are(api, "one.example", "shared.example")
    answer = api.http.post(
        "/v1/accounts", json=[one | {"aliases": []}, two | {"aliases": ["shared.example"]}]
    )
    assert [result["account"] for result in answer.json()["results"]] == ["one.example", "two.example"]
    eventually(
        lambda: (account(api, "shared.example") or {}).get("account") == "two.example", what="the move"
    )


def test_an_account_with_knowledge_of_its_own_may_become_an_alias(api: Api):
    put_account(api, "bought.example", relation="competitor")
    lead = routed_lead(api, "ana@bought.example")
    assert lead["status"] == "suppressed"
    put_account(api, "buyer.example", relation="customer", aliases=["bought.example", "www.buyer.example"])
    eventually(lambda: (api.view(lead["lead_id"]) or {})["status"] == "routed", what="the joined lead")
    assert (account(api, "bought.example") or {})["relation"] == "customer"

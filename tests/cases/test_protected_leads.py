"""What a stranger can type takes nobody's work away; what is proven does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api, eventually

FITTING = {"company": {"employees": 300, "industry": "software", "country": "US"}}

BY_FORM = [
    ("opt-out", {"opted out": "yes"}, "opted_out"),
    ("student", {"title": "Student"}, "student"),
]


def routed_lead(api: Api, email: str) -> dict[str, Any]:
    sent = api.post_lead(FITTING | {"person": {"email": email, "title": "VP Sales"}})
    view = api.settled(sent)
    assert view["owner"]
    return view


def accept(api: Api, view: dict[str, Any]) -> None:
    answer = api.http.post(f"/v1/leads/{view['lead_id']}/accept", json={"rep": view["owner"]})
    assert answer.status_code == 200, answer.text


def alerts(api: Api, lead_id: str) -> list[str]:
    alerted = [one for one in api.timeline(lead_id) if one["type"].endswith("lead.alerted.v1")]
    return [one["data"]["reason"] for one in alerted]


def resend(api: Api, email: str, fields: dict[str, str]) -> dict[str, Any]:
    return api.settled(api.post_form({"email": email, "message": "hello"} | fields))


def test_an_unproven_opt_out_alerts_the_owner_who_accepted_the_lead(api: Api):
    email = "ana@accepted-opt-out.example"
    accept(api, lead := routed_lead(api, email))
    view = resend(api, email, {"opted out": "yes"})
    assert (view["status"], view["owner"]) == ("routed", lead["owner"])
    assert view["decision"]["change"] == "kept"
    eventually(lambda: alerts(api, lead["lead_id"]) == ["opted_out"], what="the alert")
    explanation = api.http.get(f"/v1/leads/{lead['lead_id']}/explain").json()
    assert any(
        reason.startswith("not suppressed (opted_out)") for reason in explanation["decision"]["reasons"]
    )
    assert explanation["decision"]["owner"] == lead["owner"]
    assert explanation["counterfactuals"] is not None


@pytest.mark.parametrize(("name", "fields", "reason"), BY_FORM, ids=[name for name, *_ in BY_FORM])
def test_a_new_lead_of_a_stranger_is_suppressed_as_ever(api: Api, name, fields, reason):
    form = {"email": f"ana@stranger-{name}.example", "company size": "300", "industry": "software"}
    view = api.settled(api.post_form(form | {"country": "US"} | fields))
    assert (view["status"], view["decision"]["reason"]) == ("suppressed", reason)


def test_an_account_with_an_open_opportunity_protects_its_leads(api: Api):
    domain = "open-opportunity.example"
    lead = routed_lead(api, f"ana@{domain}")
    body = {"relation": "customer", "open_opportunity": True}
    assert api.http.put(f"/v1/accounts/{domain}", json=body).status_code == 202
    eventually(
        lambda: (api.http.get(f"/v1/accounts/{domain}").json()).get("open_opportunity"), what="the account"
    )
    view = resend(api, f"ana@{domain}", {"opted out": "yes"})
    assert (view["status"], view["owner"]) == ("routed", lead["owner"])
    eventually(lambda: alerts(api, lead["lead_id"]) == ["opted_out"], what="the alert")


def test_a_proven_opt_out_ends_also_an_accepted_lead(api: Api):
    email = "ana@proven-opt-out.example"
    accept(api, lead := routed_lead(api, email))
    sent = api.post_lead({"person": {"email": email}, "consent": {"opted_out": True}})
    view = api.settled(sent)
    assert (view["status"], view["owner"], view["decision"]["reason"]) == ("suppressed", None, "opted_out")
    assert alerts(api, lead["lead_id"]) == []


def test_a_competitor_is_suppressed_whoever_works_it(api: Api):
    domain = "became-competitor.example"
    accept(api, lead := routed_lead(api, f"ana@{domain}"))
    body = {"relation": "competitor"}
    assert api.http.put(f"/v1/accounts/{domain}", json=body).status_code == 202
    eventually(lambda: (api.view(lead["lead_id"]) or {})["status"] == "suppressed", what="the suppression")

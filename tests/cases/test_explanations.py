"""A manager asks why: of a lead that moved, one that stayed, one that was suppressed and one that nobody works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

UNACTIONABLE = ("spam_score", "person.email_kind")


def company(domain: str, **given: Any) -> dict[str, Any]:
    return {"domain": domain, "employees": 400, "industry": "software", "country": "US"} | given


def post(
    api: Api, clock: MovedClock, email: str, activity: str | None = None, **given: Any
) -> dict[str, Any]:
    at = (clock.now() - timedelta(minutes=2)).isoformat()
    body = {"person": {"email": email, "title": "Director of Operations", "country": "US"}}
    activities = [{"type": activity, "at": at}] if activity else []
    return api.post_lead(
        body | {"company": company(email.partition("@")[2]), "activities": activities} | given
    )


def explained(api: Api, lead: dict[str, Any], decision: str | int | None = None) -> dict[str, Any]:
    parameters = {} if decision is None else {"decision": str(decision)}
    answer = api.http.get(f"/v1/leads/{lead['lead_id']}/explain", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def check(api: Api, found: dict[str, Any]) -> None:
    """The explanation agrees with the event and the view, and its decision follows again from its record."""
    view, decision = api.view(found["lead_id"]), found["decision"]
    assert view is not None
    assert decision["reproduced"] is True
    if decision["suppressed"]:
        assert view["status"] == "suppressed"
    else:
        told = ("queue", "owner", "motion", "rule", "reasons")
        assert {name: view["decision"][name] for name in told} == {name: decision[name] for name in told}
    assert found["counterfactuals"]
    assert found["counterfactuals"][0]["field"] not in UNACTIONABLE


def test_a_moved_lead_had_an_owner_and_the_explanation_says_so(api: Api, moved_clock: MovedClock):
    lead = post(api, moved_clock, "kim@targetworks.example", "content_download")
    before = api.settled(lead)
    assert before["decision"]["queue"] == "bdr"
    at = (moved_clock.now() - timedelta(hours=1)).isoformat()
    signal = {"type": "funding_round", "account": {"domain": "targetworks.example"}, "occurred_at": at}
    assert api.http.post("/v1/signals", json=signal).status_code == 202

    def moved() -> bool:
        view = api.view(lead["lead_id"])
        return view is not None and view["decision"]["queue"] == "senior-ae"

    eventually(moved, what="the move to senior-ae")
    found = explained(api, lead)
    check(api, found)
    decision = found["decision"]
    assert decision["change"] == "moved"
    assert decision["owner_before"] == {
        "active": True,
        "queue": "bdr",
        "accepted": False,
        "rep": before["owner"],
        "of": "lead",
        "motion": "work",
        "left": None,
        "left_queue": None,
    }
    existing = next(rule for rule in decision["rules"] if rule["rule"] == "existing-owner")
    assert "owner active is yes" in [leaf["says"] for leaf in existing["because"]]
    assert f"from {before['owner']} in bdr" in found["summary"]
    taken, *others = decision["reps"]
    assert (taken["rep"], taken["result"]) == (decision["owner"], "taken")
    assert "due" in taken["says"]
    lower = [rep for rep in others if rep["result"] == "lower_share"]
    assert lower
    assert all(rep["says"].startswith(f"had {rep['share']['credits']} of ") for rep in lower)
    assert found["since"] == []

    # The decision before is still explained, by its sequence and by the id of its event.
    first = explained(api, lead, 1)
    assert (first["decision"]["owner"], first["decision"]["queue"]) == (before["owner"], "bdr")
    assert first["decision"]["reproduced"] is True
    assert first["decision"]["owner_before"]["active"] is False
    assert explained(api, lead, first["decision"]["event_id"])["decision"] == first["decision"]
    unknown = api.http.get(f"/v1/leads/{lead['lead_id']}/explain", params={"decision": "77"})
    assert (unknown.status_code, unknown.json()["type"].rpartition(":")[2]) == (404, "no-such-decision")


def test_a_kept_lead_says_who_keeps_it_and_why(api: Api, moved_clock: MovedClock):
    lead = post(api, moved_clock, "ana@keeper.example", "content_download")
    owner = api.settled(lead)["owner"]
    answer = api.http.post(f"/v1/leads/{lead['lead_id']}/accept", json={})
    assert answer.status_code == 200, answer.text
    again = post(api, moved_clock, "ana@keeper.example", "demo_request")
    api.settled(again)
    found = explained(api, again)
    check(api, found)
    assert found["summary"].startswith(f"{owner} keeps it in sdr, by rule existing-owner (grade ")
    assert found["decision"]["owner_before"]["accepted"] is True
    assert found["decision"]["protected"] is True
    [taken] = found["decision"]["reps"]
    assert (taken["rep"], taken["says"]) == (owner, "owned the lead before")
    assert (found["given"]["owner"], found["given"]["sequence"]) == (owner, 1)
    assigned = explained(api, again, found["given"]["event_id"])
    assert assigned["decision"]["change"] == "assigned"
    assert assigned["decision"]["reps"][0]["says"].endswith("next in turn")


def test_a_suppressed_lead_has_the_reason_in_words_and_what_would_lift_it(api: Api, moved_clock: MovedClock):
    lead = post(api, moved_clock, "curious@rivalworks.example", "demo_request")
    api.settled(lead)
    found = explained(api, lead)
    check(api, found)
    assert found["summary"] == "Suppressed: competitor (account relation is competitor)"
    assert found["counterfactuals"][0]["field"] == "account.relation"
    assert found["counterfactuals"][0]["queue"]


def test_a_nurtured_lead_belongs_to_nobody_and_says_what_would_make_it_work(api: Api):
    lead = api.post_lead({"person": {"email": "tom@cornerbakery.example", "title": "Owner", "country": "US"},
                          "company": company("cornerbakery.example", employees=4, industry="restaurants")})  # fmt: skip
    api.settled(lead)
    found = explained(api, lead)
    check(api, found)
    assert (found["decision"]["change"], found["decision"]["owner"]) == ("listed", None)
    assert found["summary"] == "It is listed in sdr and belongs to nobody, by rule nurture (grade D4)"
    says = [change["says"] for change in found["counterfactuals"] if change["field"] == "company.employees"]
    assert any(": sdr" in one and "nurture" not in one for one in says), says

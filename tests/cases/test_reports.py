"""Reports over HTTP: what was posted is counted once, figures say what they need, periods are checked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

COMPANY = {"employees": 300, "industry": "software", "country": "US"}


def new_lead(api: Api, email: str, **source: str) -> dict[str, Any]:
    person = {"email": email, "title": "VP Sales", "first_name": "Ana", "last_name": "Ruiz"}
    view = api.settled(api.post_lead({"person": person, "company": COMPANY, "source": source}))
    assert view["owner"], view
    return view


def outcome(api: Api, view: dict[str, Any], kind: str, at: str, **given: Any) -> None:
    body = {"lead_id": view["lead_id"], "type": kind, "at": at, **given}
    answer = api.http.post("/v1/outcomes", json=body)
    assert answer.status_code == 202, answer.text


def report(api: Api, name: str, **days: str) -> dict[str, Any]:
    answer = api.http.get(f"/v1/reports/{name}", params=days)
    assert answer.status_code == 200, answer.text
    return answer.json()


def row(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((one for one in rows if one["name"] == name), {})


def test_conversion_by_channel_campaign_and_source(api: Api, moved_clock: MovedClock):
    views = [
        new_lead(api, f"lead-{n}@conversion-{n}.example", channel="ads", campaign="Spring Sale", name="site")
        for n in range(4)
    ]
    at = moved_clock.now().isoformat()
    outcome(api, views[0], "meeting_booked", at)
    outcome(api, views[0], "opportunity", at, amount={"value": 9000, "currency": "USD"})
    outcome(api, views[0], "won", at, amount={"value": 8000, "currency": "USD"})
    outcome(api, views[1], "meeting_booked", at)
    outcome(api, views[1], "meeting_booked", at)

    def counted() -> dict[str, Any] | None:
        found = row(report(api, "sources")["campaigns"], "spring sale")
        return found if found.get("won") and found["meetings"] == 2 else None

    found = eventually(counted, what="the outcomes in the report")
    whole = report(api, "sources")
    assert row(whole["channels"], "ads") | {"name": ""} == found | {"name": ""}
    assert {
        name: found[name] for name in ("captured", "assigned", "accepted", "opportunities", "won_usd")
    } == {
        "captured": 4,
        "assigned": 4,
        "accepted": 2,
        "opportunities": 1,
        "won_usd": 8000,
    }
    assert found["to_meeting"] == {
        "value": 0.5, "unit": "share", "n": 4, "needs": None, "healthy": None, "verdict": None, "note": None,
    }  # fmt: skip
    assert whole["counted_since"] == moved_clock.now().date().isoformat()


def test_a_lead_counts_once_for_what_brought_it_first(api: Api):
    first = new_lead(api, "twice@first-touch.example", channel="event", campaign="fair")
    again = new_lead(api, "twice@first-touch.example", channel="newsletter", campaign="issue 7")
    assert first["lead_id"] == again["lead_id"]
    sources = eventually(
        lambda: found if row((found := report(api, "sources"))["campaigns"], "fair") else None,
        what="the lead in the report",
    )
    assert row(sources["campaigns"], "fair")["captured"] == 1
    assert row(sources["campaigns"], "issue 7") == {}


@pytest.mark.parametrize("campaign", ["for ana.ruiz@named.example", "call +1 415 555 0100", "Dear Ana!"])
def test_a_campaign_that_names_the_person_is_not_kept(api: Api, campaign: str):
    new_lead(api, f"ana.ruiz@named-{len(campaign)}.example", channel="personal", campaign=campaign)
    sources = eventually(
        lambda: found if row((found := report(api, "sources"))["campaigns"], "(other)") else None,
        what="the lead in the report",
    )
    names = " ".join(one["name"] for one in sources["campaigns"])
    assert "ana" not in names
    assert "415" not in names


def test_grades_say_whether_the_best_converts(api: Api):
    scores = report(api, "scores")
    assert sum(one["captured"] for one in scores["grades"]) == sum(one["captured"] for one in scores["bands"])
    assert "A1" in scores["in_words"]


def test_days_that_are_not_reported_on_are_empty(api: Api, moved_clock: MovedClock):
    day = (moved_clock.now().date() - timedelta(days=400)).isoformat()
    assert report(api, "sources", since=day, until=day)["channels"] == []


@pytest.mark.parametrize("name", ["scores", "sources", "roles", "capacity", "flow"])
@pytest.mark.parametrize(
    "days",
    [
        {"since": "2026-02-02", "until": "2026-02-01"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"until": "0001-01-01"},
        {"since": "1900-01-01", "until": "2026-01-01"},
        {"since": "yesterday"},
    ],
)
def test_days_that_are_none_are_refused(api: Api, name: str, days: dict[str, str]):
    answer = api.http.get(f"/v1/reports/{name}", params=days)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_reps_did_is_in_the_roles_and_the_flow(api: Api, moved_clock: MovedClock):
    view = new_lead(api, "flow@roles-and-flow.example", channel="flow")
    queue, owner = view["decision"]["queue"], view["owner"]
    before = {one["queue"]: one for one in report(api, "flow")["queues"]}[queue]
    assert api.http.post(f"/v1/leads/{view['lead_id']}/accept", json={}).status_code in (200, 202)
    outcome(api, view, "meeting_booked", moved_clock.now().isoformat())

    def counted() -> dict[str, Any] | None:
        found = {one["queue"]: one for one in report(api, "flow")["queues"]}[queue]
        return found if found["to_first_action"]["median"]["n"] else None

    flow = eventually(counted, what="the acceptance in the report")
    assert flow["accepted"] > 0
    assert flow["arrived"] >= before["arrived"]
    assert flow["to_route"]["median"]["value"] >= 0
    assert flow["to_accept"]["p95"]["unit"] == "seconds"
    [role] = [one for one in report(api, "roles")["roles"] if queue in one["queues"]]
    [rep] = [one for one in role["reps"] if one["rep"] == owner]
    assert rep["counts"]["accepted"] >= 1
    assert rep["counts"]["meetings"] >= 1
    assert rep["name"]
    whole = report(api, "flow")
    assert whole["whole"]["assigned"] == sum(one["assigned"] for one in whole["queues"])
    assert {"queue", "change", "step", "decided"} == whole["steps"][0].keys()


def test_figures_say_what_they_need(api: Api):
    roles = {one["role"]: one for one in report(api, "roles")["roles"]}
    assert roles["SDR"]["figures"]["meetings_per_week"]["needs"] == "a week of counting"
    assert roles["AE"]["figures"]["attainment"]["needs"].startswith("`quota` of every rep in team.yaml")
    assert roles["CSM"]["needs"].startswith("reps in a queue whose name ends in csm")
    assert roles["CSM"]["figures"] == {}
    for role in roles.values():
        for figure in role["figures"].values():
            assert (figure["value"] is None) == (figure["needs"] is not None), figure
            assert figure["healthy"] is None or figure["healthy"]["source"]


def test_capacity_asks_for_nobody_with_too_few_leads(api: Api):
    capacity = report(api, "capacity")
    assert capacity["hires"] == []
    assert "too little to judge" in capacity["in_words"]
    assert capacity["heads"]["SDR"] == 4
    assert capacity["ratios"]["aes_per_sdr"]["verdict"] == "below"
    assert capacity["ratios"]["aes_per_se"]["needs"].startswith("reps in queues of SEs")
    queues = {one["queue"]: one for one in capacity["queues"]}
    assert queues["sdr"]["max_open"] == 210
    assert queues["sdr"]["arrived"] > 0

"""The flow of the policy over HTTP: every lead once, by version and period, and after it was decided again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock


def new_lead(api: Api, email: str, **given: Any) -> dict[str, Any]:
    person = {
        "email": email,
        "title": given.pop("title", "VP Sales"),
        "first_name": "Ana",
        "last_name": "Ruiz",
    }
    company = {"employees": given.pop("employees", 300), "industry": "software", "country": "US"}
    return api.settled(api.post_lead({"person": person, "company": company, **given}))


def flow(api: Api, **query: str) -> dict[str, Any]:
    answer = api.http.get("/v1/reports/flow", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def caught(report: dict[str, Any]) -> dict[str, int]:
    return {step["name"]: step["leads"] for step in report["paths"]["steps"] if step["leads"]}


def flow_of(api: Api, leads: int, **query: str) -> dict[str, Any]:
    """Return the report as soon as it counts so many leads."""
    return eventually(
        lambda: found if (found := flow(api, **query))["paths"]["leads"] == leads else None,
        what=f"{leads} leads in the flow",
    )


def test_every_lead_is_counted_once_and_where_it_is(api: Api, moved_clock: MovedClock):
    views = [new_lead(api, f"ana@flow-{n}.example") for n in range(3)]
    views.append(new_lead(api, "ana@large.example", employees=5_000))
    new_lead(api, "ana@college.example", title="Student")
    report = flow_of(api, 5, period="24h")
    assert report["period"] == "24h"
    assert report["paths"]["policy"] is None
    routed = [view["decision"] for view in views]
    expected = {rule: sum(one["rule"] == rule for one in routed) for rule in {one["rule"] for one in routed}}
    assert caught(report) == expected | {"student": 1}
    for rule, number in expected.items():
        [step] = [one for one in report["paths"]["steps"] if one["name"] == rule]
        queues = {one["queue"] for one in routed if one["rule"] == rule}
        assert {one["queue"] for one in step["queues"] if one["leads"]} == queues
        assert step["assigned"] == number
    student = next(one for one in report["paths"]["steps"] if one["name"] == "student")
    assert student["condition"] == "person seniority is student"
    assert flow(api, period="7d")["paths"] == flow(api, period="all")["paths"] == report["paths"]

    version = api.http.get("/v1/policies/active").json()["version"]
    own = flow(api, period="24h", policy="active", compare=version[:12])["paths"]
    assert (own["policy"], own["compared_with"], own["leads"], own["compared"]) == (version, version, 5, 5)

    # A second form is decided again, by the owner that the lead has: it counts there, and still once.
    again = new_lead(api, "ana@flow-0.example")
    assert again["decision"]["rule"] == "existing-owner"
    report = eventually(
        lambda: found if "existing-owner" in caught(found := flow(api)) else None, what="the second decision"
    )
    assert report["paths"]["leads"] == 5

    # The next day it is in the last seven days only.
    moved_clock.move(timedelta(hours=30), api)
    assert flow(api, period="24h")["paths"]["leads"] == 0
    assert flow(api, period="7d")["paths"]["leads"] == 5


def test_accepted_leads_are_in_the_times_of_their_rep_and_given_back_ones_have_their_reason(api: Api):
    accepted = new_lead(api, "ana@taken-up.example")
    api.http.post(f"/v1/leads/{accepted['lead_id']}/accept", json={}).raise_for_status()
    given_back = new_lead(api, "ana@given-back.example")
    path = f"/v1/leads/{given_back['lead_id']}/reject"
    api.http.post(path, json={"reason": "no_budget"}).raise_for_status()
    report = eventually(
        lambda: found if (found := flow(api))["given_back"] and found["accepts"] else None, what="both acts"
    )
    [reason] = report["given_back"]
    assert (reason["reason"], reason["given_back"]) == ("no_budget", 1)
    [rep] = report["accepts"]
    assert (rep["queue"], rep["rep"], rep["accepted"]) == (
        accepted["decision"]["queue"], accepted["owner"], 1,
    )  # fmt: skip
    assert rep["by_time"][0] == {"within_minutes": 5, "accepted": 1}
    assert not any(one["change"] == "given_back" for one in report["steps"])


BEHIND = {
    "received": "received",
    "routed": "routed",
    "suppressed": "suppressed",
    "accepted": "accepted",
    "given_back": "given_back",
    "meetings": "meeting_booked",
    "won": "won",
}
"""What the leads behind each figure have reached."""


def test_each_number_leads_to_exactly_its_leads(api: Api):
    lead = new_lead(api, "ana@behind-a-number.example")
    for kind in ("meeting_booked", "won"):
        told = {"lead_id": lead["lead_id"], "type": kind, "at": datetime.now(UTC).isoformat()}
        api.http.post("/v1/outcomes", json=told).raise_for_status()

    def listed(**filters: Any) -> list[str]:
        data = api.http.get("/v1/leads", params={"limit": 200, **filters}).json()["data"]
        return [one["lead_id"] for one in data]

    def counted() -> dict[str, Any] | None:
        found = api.http.get("/v1/reports/summary", params={"period": "7d"}).json()
        numbers = {name: found["figures"][name]["now"]["value"] for name in BEHIND}
        same = numbers == {name: len(listed(reached=reached)) for name, reached in BEHIND.items()}
        return found if same and numbers["won"] else None

    summary = eventually(counted, what="each figure and the leads behind it")
    assert lead["lead_id"] in listed(reached="won")
    for row in summary["grades"]:
        of_grade = {"cohort": "true", "first_grade": row["name"] or "none"}
        for column, reached in (("captured", "received"), ("accepted", "accepted"), ("won", "won")):
            assert len(listed(reached=reached, **of_grade)) == row[column], (row, column)
    reasons = flow(api, period="7d")["given_back"]
    for one in reasons:
        behind = {"reached_in": one["queue"], "given_back_as": one["reason"]}
        assert len(listed(reached="given_back", **behind)) == one["given_back"]
    tomorrow = "2090-01-01T00:00:00Z"
    assert listed(reached="received", reached_since=tomorrow) == []
    assert api.http.get("/v1/leads", params={"cohort": "true"}).status_code == 422
    assert api.http.get("/v1/leads", params={"reached": "nowhere"}).status_code == 422


def test_the_summary_of_a_period_says_what_the_flow_says(api: Api):
    new_lead(api, "ana@in-the-summary.example", source={"channel": "ads", "name": "summary-site"})

    def counted() -> dict[str, Any] | None:
        found = api.http.get("/v1/reports/summary", params={"period": "7d"}).json()
        return found if any(one["source"] == "summary-site" for one in found["sources"]) else None

    summary = eventually(counted, what="the lead in the summary")
    paths = flow(api, period="7d")["paths"]
    figures = {name: one["now"]["value"] for name, one in summary["figures"].items()}
    assert figures["received"] == figures["routed"] + figures["suppressed"] == paths["leads"]
    assert figures["suppressed"] == sum(
        step["leads"] for step in paths["steps"] if step["kind"] == "suppression"
    )
    assert sum(cell["assigned"] for cell in summary["late_by_rule"]) == sum(
        step["assigned"] for step in paths["steps"]
    )
    [source] = [one for one in summary["sources"] if one["source"] == "summary-site"]
    assert sum(source["bands"].values()) == source["leads"] == 1
    assert summary["figures"]["received"]["before"]["value"] == 0
    day = api.http.get("/v1/reports/summary", params={"period": "24h"}).json()
    assert "by the day" in day["figures"]["cost_per_routed_lead"]["now"]["needs"]


def test_leads_of_a_rep_who_is_away_need_a_look(api: Api):
    view = new_lead(api, "ana@owner-away.example")
    path = f"/v1/reps/{view['owner']}"
    api.http.patch(path, json={"available": False}).raise_for_status()
    found = api.http.get("/v1/reports/attention").json()["items"]
    assert any((one["kind"], one["subject"]) == ("absent", view["owner"]) for one in found), found
    api.http.patch(path, json={"available": True}).raise_for_status()
    assert not any(one["kind"] == "absent" for one in api.http.get("/v1/reports/attention").json()["items"])


def test_a_version_that_is_not_stored_is_refused(api: Api):
    assert api.http.get("/v1/reports/flow", params={"policy": "0000"}).status_code == 404
    assert api.http.get("/v1/reports/flow", params={"compare": "0000"}).status_code == 404
    assert api.http.get("/v1/reports/flow", params={"period": "1y"}).status_code == 422

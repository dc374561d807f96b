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
        "value": 0.5, "unit": "share", "n": 4, "needs": None, "healthy": None, "verdict": None,
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


@pytest.mark.parametrize("name", ["scores", "sources"])
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

"""A competitor's contract that ends: the seller hears of the contract, whatever made the score change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock


def contract(domain: str, clock: MovedClock, **details: Any) -> dict[str, Any]:
    at = (clock.now() - timedelta(hours=1)).isoformat()
    return {
        "type": "contract_expiry",
        "account": {"domain": domain},
        "occurred_at": at,
        "details": details,
    }


@pytest.mark.parametrize("ends", [None, "", "soon", "31.03.2027", "2027-02-30"])
def test_a_contract_without_a_readable_end_is_refused_with_the_forms_of_a_date(
    api: Api, moved_clock: MovedClock, ends: str | None
):
    answer = api.http.post(
        "/v1/signals",
        json=contract("vague.example", moved_clock, **({} if ends is None else {"expires_on": ends})),
    )
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/details/expires_on"
    assert "YYYY-MM-DD" in error["detail"]


def test_the_contract_is_the_trigger_when_it_comes_near_and_stays_so_when_the_score_decays(
    api: Api, moved_clock: MovedClock
):
    domain = "renewals.example"
    company = {"domain": domain, "employees": 300, "industry": "software", "country": "US"}
    lead = api.post_lead({"person": {"email": f"ana@{domain}", "title": "CFO"}, "company": company})
    assert api.settled(lead)["trigger"]["kind"] == "lead"
    ends = (moved_clock.now() + timedelta(days=130)).date().isoformat()
    told = contract(domain, moved_clock, expires_on=ends, vendor="Rivalworks")
    sent = api.http.post("/v1/signals", json=told)
    assert sent.status_code == 202, sent.text
    trigger = {"kind": "signal", "type": "contract_expiry", "event_id": sent.json()["event_id"]}

    def scored() -> list[dict[str, Any]]:
        timeline = api.timeline(lead["lead_id"])
        return [one["data"] for one in timeline if one["type"] == "baton.lead.scored.v1"]

    moved_clock.move(timedelta(days=90), api)  # 40 days are left: more than half of the points
    eventually(lambda: scored()[-1]["score"]["grade"][1] == "3", what="the grade of the coming end")
    near = scored()[-1]
    assert (near["trigger"], near["news"]) == (trigger, trigger)
    [live] = near["signals"]["live"]
    assert (live["event_id"], live["type"]) == (trigger["event_id"], "contract_expiry")
    assert live["details"] == {"expires_on": ends, "vendor": "Rivalworks"}

    def view_of_contract() -> bool:
        view = api.view(lead["lead_id"])
        return (
            view is not None and view["trigger"] == trigger and view["brief"]["trigger"]["kind"] == "signal"
        )

    eventually(view_of_contract, what="the contract as the trigger of view and brief")
    moved_clock.move(timedelta(days=80), api)  # it ended more than 30 days ago
    eventually(lambda: scored()[-1]["signals"]["types"] == [], what="the end of the signal")
    over = scored()[-1]
    assert (over["trigger"]["kind"], over["news"]) == ("decay", trigger)
    view = api.view(lead["lead_id"])
    assert view is not None
    assert view["trigger"] == trigger

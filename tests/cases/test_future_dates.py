"""What is dated after its arrival counts from its arrival, so that it decays like everything else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

DATES = [
    ("in three minutes", timedelta(minutes=3)),
    ("in a month", timedelta(days=30)),
    ("in a year", timedelta(days=365)),
    ("in ten years", timedelta(days=3650)),
    ("beyond reach", "9998-12-31T23:59:59Z"),
]


def text_of(date: Any, clock: MovedClock) -> str:
    return date if isinstance(date, str) else (clock.now() + date).isoformat()


def intent_is(api: Api, lead_id: str, intent: int) -> Any:
    def look() -> dict[str, Any] | None:
        view = api.view(lead_id)
        return view if view is not None and view["score"] and view["score"]["intent"] == intent else None

    return eventually(look, what=f"intent {intent} of {lead_id}")


def test_a_date_in_the_future_decays_from_its_arrival(api: Api, moved_clock: MovedClock):
    by_form: dict[str, Any] = {}
    by_signal: dict[str, Any] = {}
    at_account: dict[str, Any] = {}
    for number, (name, date) in enumerate(DATES):
        at, domain = text_of(date, moved_clock), f"future-{number}.example"
        demo = {"type": "demo_request", "at": at}
        submitted = {"submitted_at": at}
        lead = {"person": {"email": f"form@{domain}"}, "activities": [demo], "source": submitted}
        by_form[name] = api.post_lead(lead | {"consent": {"marketing": True, "at": at}})
        api.settled(by_form[name])
        quiet = {"person": {"email": f"ana@signal-{domain}"}}
        by_signal[name] = api.post_lead(quiet)
        api.settled(by_signal[name])
        told = {"type": "activity", "person": quiet["person"], "occurred_at": at}
        answer = api.http.post("/v1/signals", json=told | {"details": {"activity": {"type": "demo_request"}}})
        assert answer.status_code == 202, answer.text
        at_account[name] = api.post_lead({"person": {"email": f"ana@account-{domain}"}})
        api.settled(at_account[name])
        account = {"domain": f"account-{domain}"}
        funding = {"type": "funding_round", "account": account, "occurred_at": at, "expires_at": at}
        for _twice in range(2):
            assert api.http.post("/v1/signals", json=funding).status_code == 202
    for sent, full in ((by_form, 90), (by_signal, 90), (at_account, 40)):
        for lead in sent.values():
            intent_is(api, lead["lead_id"], full)
    moved_clock.move(timedelta(days=60), api)
    for lead in (*by_form.values(), *by_signal.values()):
        intent_is(api, lead["lead_id"], 5)
    moved_clock.move(timedelta(days=30), api)
    for lead in at_account.values():
        intent_is(api, lead["lead_id"], 14)
    assert api.http.get("/v1/dead-letters").json()["data"] == []


@pytest.mark.parametrize("days_ahead", [30, 80])
def test_the_end_of_a_contract_may_lie_ahead(api: Api, moved_clock: MovedClock, days_ahead):
    domain = f"contract-{days_ahead}.example"
    lead = api.post_lead({"person": {"email": f"ana@{domain}"}})
    api.settled(lead)
    ends = (moved_clock.now() + timedelta(days=days_ahead)).date().isoformat()
    signal = {"type": "contract_expiry", "account": {"domain": domain}, "details": {"expires_on": ends}}
    signal |= {"occurred_at": (moved_clock.now() - timedelta(hours=1)).isoformat()}
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    expected = {30: {33, 34, 35}, 80: {5, 6, 7}}[days_ahead]
    eventually(
        lambda: v if (v := api.view(lead["lead_id"])) and v["score"]["intent"] in expected else None,
        what="the rise",
    )


def test_the_time_that_was_told_is_set_by_baton_alone(api: Api, moved_clock: MovedClock):
    at = moved_clock.now().isoformat()
    demo = {"type": "demo_request", "at": at, "reported_at": at}
    answer = api.http.post("/v1/leads", json={"person": {"email": "a@b.example"}, "activities": [demo]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/activities/0/reported_at")

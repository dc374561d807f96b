"""A signal or an activity that is told again counts once, in whatever spelling and by whatever way it comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

FITTING = {"company": {"employees": 300, "industry": "software", "country": "US"}}


def post_signals(api: Api, signals: Any, **headers: str) -> None:
    answer = api.http.post("/v1/signals", json=signals, headers=headers)
    assert answer.status_code == 202, answer.text


def fitting_lead(api: Api, email: str, **more: Any) -> str:
    """Post a lead that fits, and return its e-mail address once it is routed."""
    api.settled(api.post_lead(FITTING | {"person": {"email": email, "title": "VP Sales"}} | more))
    return email


def intent_after(api: Api, domain: str, email: str) -> tuple[int, str]:
    """Return intent and grade of a new revision, after all signals that were told at the account so far."""
    marker = {"type": "news", "account": {"domain": domain}, "occurred_at": "2026-01-01T00:00:00Z"}
    post_signals(api, marker)
    eventually(lambda: "news" in told(api, domain), what="the last signal")
    view = api.settled(api.post_lead({"person": {"email": email}}))
    return view["score"]["intent"], view["score"]["grade"]


def told(api: Api, domain: str) -> list[str]:
    answer = api.http.get(f"/v1/accounts/{domain}")
    return [one["type"] for one in answer.json().get("signals", [])] if answer.status_code == 200 else []


AT = "2026-11-01T10:00:00"
ROUND = {"amount_usd": 5_000_000, "series": "A"}
SAME = [
    ("the same again", {"occurred_at": f"{AT}Z", "details": ROUND}, {}),
    ("another offset", {"occurred_at": f"{AT}+00:00", "details": ROUND}, {}),
    ("another zone", {"occurred_at": "2026-11-01T15:30:00+05:30", "details": ROUND}, {}),
    ("another precision", {"occurred_at": f"{AT}.000000Z", "details": ROUND}, {}),
    (
        "another order of keys",
        {"occurred_at": f"{AT}Z", "details": {"series": "A", "amount_usd": 5_000_000}},
        {},
    ),
    ("another idempotency key", {"occurred_at": f"{AT}Z", "details": ROUND}, {"Idempotency-Key": "again"}),
    ("a number", {"occurred_at": f"{AT}Z", "details": ROUND, "external_id": "n-1"}, {}),
    ("the same number", {"occurred_at": f"{AT}Z", "details": ROUND, "external_id": "n-1"}, {}),
]


@pytest.mark.parametrize(("spelling", "again", "headers"), SAME, ids=[name for name, *_ in SAME])
def test_a_signal_told_again_counts_once(api: Api, moved_clock: MovedClock, spelling, again, headers):
    domain = f"{spelling.replace(' ', '-')}.example"
    email = fitting_lead(api, f"ana@{domain}")
    reported_at = (moved_clock.now() - timedelta(hours=1)).replace(microsecond=0)
    shift = reported_at - datetime.fromisoformat(f"{AT}Z")
    occurred_at = datetime.fromisoformat(again["occurred_at"]) + shift
    text = occurred_at.isoformat(timespec="microseconds" if "." in again["occurred_at"] else "seconds")
    about = {"type": "funding_round", "account": {"domain": domain}}
    post_signals(
        api, about | {"occurred_at": reported_at.isoformat().replace("+00:00", "Z"), "details": ROUND}
    )
    post_signals(api, about | again | {"occurred_at": text}, **headers)
    post_signals(api, [about | again | {"occurred_at": text}] * 2)
    assert intent_after(api, domain, email) == (40, "A3")
    assert told(api, domain).count("funding_round") == 1


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("days", {"occurred_at": timedelta(days=1)}),
        ("details", {"details": {"series": "B"}}),
        ("numbers", {"external_id": "n-2"}),
        ("persons", {"person": {"email": "cfo@kestrel.example"}}),
    ],
)
def test_two_signals_both_count(api: Api, moved_clock: MovedClock, name, difference):
    domain = f"two-{name}.example"
    email = fitting_lead(api, f"ana@{domain}")
    at = moved_clock.now() - timedelta(days=10)
    first: dict[str, Any] = {
        "type": "funding_round",
        "account": {"domain": domain},
        "details": {"series": "A"},
    }
    if "external_id" in difference:
        first["external_id"] = "n-1"
    later = at - difference.pop("occurred_at", timedelta())
    post_signals(api, first | {"occurred_at": at.isoformat()})
    post_signals(api, first | difference | {"occurred_at": later.isoformat()})
    intent, _grade = intent_after(api, domain, email)
    assert intent in (71, 72)


def test_an_activity_told_by_a_form_and_by_a_signal_counts_once(api: Api, moved_clock: MovedClock):
    at = (moved_clock.now() - timedelta(hours=1)).replace(microsecond=0)
    webinar = {"type": "webinar", "url": "https://www.example.com/webinar", "details": {"room": 1, "seat": 2}}
    email = fitting_lead(api, "ana@by-two-ways.example", activities=[webinar | {"at": at.isoformat()}])
    again = webinar | {"details": {"seat": 2, "room": 1}, "at": at.isoformat().replace("+00:00", ".000Z")}
    activity = {"type": "activity", "person": {"email": email}, "occurred_at": at.isoformat()}
    post_signals(api, [activity | {"details": {"activity": again}}] * 2)
    fitting_lead(api, email, activities=[again])
    intent, _grade = intent_after(api, "by-two-ways.example", email)
    assert intent == 30

"""What the gateway accepts no role refuses: too large, nameless or out of time is a 422, never a dead letter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.api import Api, eventually

CONTROL = "\x01"
WIDE = "\U0001f3fd"
LIGATURE = "\ufdfa"
"""One character that NFKD makes eighteen of."""


def dead_letters(api: Api) -> list[dict[str, Any]]:
    return api.http.get("/v1/dead-letters", params={"limit": "200"}).json()["data"]


def a_signal(**account: str) -> dict[str, Any]:
    return {"type": "funding_round", "occurred_at": "2026-11-01T09:00:00Z", "account": account}


def outcome_of(api: Api, kind: str, answer: Any) -> str:
    """Return the outcome of an accepted lead, `202` for a signal or account, else the status."""
    if answer.status_code != 202:
        assert 400 <= answer.status_code < 500, f"{kind}: {answer.status_code} {answer.text[:300]}"
        return str(answer.status_code)
    if "lead_id" not in answer.json():
        return "202"
    sent = answer.json()
    found = eventually(lambda: api.outcome(sent["lead_id"], sent["event_id"]), within_s=60, what=kind)
    return str(found)


# Names and domains of accounts


@pytest.mark.parametrize(
    ("account", "pointer"),
    [
        ({"name": "!!!"}, "/account/name"),
        ({"name": "\U0001f680\U0001f680"}, "/account/name"),
        ({"name": "- . -"}, "/account/name"),
        ({"name": "\u200b"}, "/account/name"),
        ({"domain": "gmail.com"}, "/account/domain"),
        ({"domain": "co.uk"}, "/account/domain"),
        ({}, "/account"),
    ],
    ids=str,
)
def test_a_signal_about_an_account_that_nobody_can_find_is_refused(
    api: Api, account: dict[str, str], pointer: str
):
    answer = api.http.post("/v1/signals", json=a_signal(**account))
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "account",
    [
        {"name": "Łódź & Söhne"},
        {"name": "株式会社"},
        {"name": "x" * 200},
        {"name": LIGATURE * 200},
        {"name": "!!!", "domain": "nameless.example"},
        {"domain": "xn--" + "a" * 40 + ".example", "name": WIDE * 100},
    ],
    ids=lambda account: str(account)[:40],
)
def test_a_signal_about_a_nameable_account_is_processed(api: Api, account: dict[str, str]):
    answer = api.http.post("/v1/signals", json=a_signal(**account))
    assert answer.status_code in (202, 422), answer.text
    assert_nothing_is_set_aside(api)


def test_a_list_of_signals_that_nobody_can_use_is_refused_one_by_one(api: Api):
    answer = api.http.post("/v1/signals", json=[a_signal(name="!!!")] * 1_000)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("none-accepted")
    assert_nothing_is_set_aside(api)


# Sizes


def largest_lead(email: str, character: str, part: str) -> dict[str, Any]:
    """Return a lead in which one part is as large as its schema allows, or as a body can be."""
    word, text = character * 200, character * 2_000
    parts: dict[str, dict[str, Any]] = {
        "technologies": {"company": {"technologies": [f"{n}{word}"[:200] for n in range(500)]}},
        "hiring": {"company": {"hiring": [f"{n}{word}"[:200] for n in range(500)]}},
        "utm": {"source": {"utm": {f"{n}{word}"[:200]: text for n in range(30)}}},
        "message": {"message": character * 20_000},
        "consent": {"consent": {"text": character * 20_000}},
        "answers": {"answers": {f"{n}{word}"[:200]: text for n in range(200)}},
        "numbers": {"answers": {"n": [1e15] * 40_000}},
        "activities": {
            "activities": [
                {"type": "call", "at": f"2026-11-0{n % 9 + 1}T09:00:00Z", "url": text, "details": {"a": word}}
                for n in range(200)
            ]
        },
        "names": {
            "company": {"name": word, "industry": word, "parent": word},
            "person": {"first_name": word, "last_name": word, "title": word},
        },
    }
    chosen = parts[part]
    return {**chosen, "person": {**chosen.get("person", {}), "email": email}}


PARTS = (
    "technologies",
    "hiring",
    "utm",
    "message",
    "consent",
    "answers",
    "numbers",
    "activities",
    "names",
)


@pytest.mark.parametrize("character", ["x", '"', "\n", CONTROL, WIDE, LIGATURE], ids=repr)
def test_a_lead_that_grows_form_by_form_is_routed_or_refused(api: Api, character: str):
    email = f"grows{ord(character)}@growing.example"
    for part in PARTS:
        body = json.dumps(largest_lead(email, character, part), ensure_ascii=False).encode()
        if len(body) > 1024 * 1024:
            continue
        headers = {"content-type": "application/json"}
        outcome = outcome_of(api, part, api.http.post("/v1/leads", content=body, headers=headers))
        assert outcome in ("routed", "suppressed", "422"), part
    assert_nothing_is_set_aside(api)


@pytest.mark.parametrize("character", [CONTROL, "\x1f", "\x7f", '"', "\\", "\n", "<", "\u2028"], ids=repr)
def test_a_form_that_grows_when_it_is_encoded_is_routed_or_refused(api: Api, character: str):
    fields = {f"q{n}": character * 3_000 for n in range(100)}
    answer = api.http.post(
        "/hooks/forms/website",
        data={"email": f"form{ord(character)}@growing.example"},
        files={name: (None, value) for name, value in fields.items()},
    )
    assert outcome_of(api, repr(character), answer) in ("routed", "422", "413")
    assert_nothing_is_set_aside(api)


# Times

FAR_TIMES = (
    "0001-01-01T00:00:00Z",
    "0002-01-01T00:00:00+23:59",
    "1000-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2999-01-01T00:00:00Z",
    "9998-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
)


@pytest.mark.parametrize("at", FAR_TIMES)
def test_a_time_beyond_reach_is_processed_or_refused(api: Api, at: str):
    email = f"t{abs(hash(at))}@times.example"
    lead = {
        "person": {"email": email},
        "activities": [{"type": "demo_request", "at": at}],
        "source": {"submitted_at": at},
        "consent": {"at": at, "marketing": True},
        "company": {"last_funding_at": at},
    }
    assert outcome_of(api, at, api.http.post("/v1/leads", json=lead)) in ("routed", "422")
    account = {"domain": "times.example"}
    bodies = [
        a_signal(**account) | {"occurred_at": at},
        a_signal(**account) | {"expires_at": at},
        a_signal(**account) | {"type": "contract_expiry", "details": {"expires_on": at}},
        {
            "type": "activity",
            "occurred_at": "2026-11-01T09:00:00Z",
            "person": {"email": email},
            "details": {"activity": {"type": "demo_request", "at": at}},
        },
        {"type": "opt_out", "occurred_at": at, "person": {"email": f"out-{email}"}},
    ]
    for body in bodies:
        assert api.http.post("/v1/signals", json=body).status_code in (202, 422), body
    outcome = {"email": email, "type": "meeting_booked", "at": at}
    assert api.http.post("/v1/outcomes", json=outcome).status_code in (202, 422)
    assert_nothing_is_set_aside(api)


def test_a_signal_with_a_book_in_it_is_refused(api: Api):
    body = a_signal(domain="bookish.example") | {"details": {"text": "x" * 600_000}}
    answer = api.http.post("/v1/signals", json=body)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "signal-too-large")


def test_a_lead_with_a_book_in_it_is_refused(api: Api):
    body = {"person": {"email": "book@bookish.example"}, "answers": {"text": "x" * 600_000}}
    answer = api.http.post("/v1/leads", json=body)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "lead-too-large")


def assert_nothing_is_set_aside(api: Api) -> None:
    """Wait until a lead posted now is routed; then nothing before it became a dead letter."""
    probe = {"person": {"email": f"probe{api.http.get('/v1/leads').elapsed.microseconds}@probe.example"}}
    assert api.settled(api.post_lead(probe))["status"] == "routed"
    assert [f"{one['topic']} {one['kind']}: {one['message'][:200]}" for one in dead_letters(api)] == []

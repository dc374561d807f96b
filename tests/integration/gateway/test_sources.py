"""The sources of the policy over HTTP: who may post where, what is read of it, and how a change takes hold."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest
from structlog.testing import capture_logs

from shared.lead.ids import lead_id_of
from shared.web.signing import new_secret, sign

LEADS = "leads.received.v1"
TOKEN = "a token"
NOBODY = {"Authorization": ""}
FORM = {"data": {"email": "ana@kestrel.example", "Thema": "partnership"}, "headers": NOBODY}
ANA = lead_id_of("email:ana@kestrel.example")
SOURCES = """
sources:
  website: {kind: form, public: true, origins: ["https://www.shop.example"], defaults: {channel: web},
    honeypot: [_gotcha], activities: [{type: call, when: {field: message, exists: true}}, {type: webinar}]}
  fair: {kind: form, secret_env: FAIR_TOKEN, map: {Thema: answers.interest}, defaults: {campaign: fair-26}}
  ads: {kind: form, signature: hub, secret_env: ADS_SECRET}
  intent: {kind: signal, secret_env: FAIR_TOKEN}
"""
SIGNAL = {
    "type": "funding_round",
    "account": {"domain": "targetworks.example"},
    "occurred_at": "2026-01-01T00:00:00Z",
}


@pytest.fixture
async def gateway(start_gateway, monkeypatch):
    monkeypatch.setenv("FAIR_TOKEN", TOKEN)
    running = await start_gateway()
    await running.apply_policy(sources=SOURCES)
    return running


async def test_a_form_is_read_as_its_source_says(gateway):
    status, answer, _ = await gateway.ask("POST", f"/hooks/forms/fair/{TOKEN}", **FORM)
    assert (status, answer["lead_id"]) == (202, ANA)
    (event,) = await gateway.events(LEADS, 1)
    assert event.data.answers == {"interest": "partnership"}
    assert (event.data.source.name, event.data.source.campaign) == ("fair", "fair-26")


async def test_a_source_that_is_not_public_wants_its_token(gateway):
    for path in ("fair", "fair/wrong", "fair/%ff", f"fair/{TOKEN}x"):
        status, problem, _ = await gateway.ask("POST", f"/hooks/forms/{path}", **FORM)
        assert (status, problem["type"].rpartition(":")[2]) == (403, "wrong-token"), path


async def test_a_token_does_not_get_into_the_log(gateway):
    await gateway.sink.close()  # which is as a fault of our own
    with capture_logs() as logged:
        status, *_ = await gateway.ask("POST", f"/hooks/forms/fair/{TOKEN}", **FORM)
    assert status == 500
    failed = [entry["route"] for entry in logged if entry["event"] == "a request failed"]
    assert failed == ["/hooks/forms/{source}/{token}"]
    assert TOKEN not in str(logged)


async def test_a_source_that_signs_wants_its_signature_and_no_token(gateway, monkeypatch):
    status, problem, headers = await gateway.ask("POST", "/hooks/forms/ads", **FORM)
    assert (status, headers["Retry-After"]) == (503, "1"), "its secret is not there"
    assert "ADS_SECRET" not in problem.get("detail", "")
    monkeypatch.setenv("ADS_SECRET", "shared")
    body = b'{"email": "ana@kestrel.example"}'
    signed = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"shared", body, hashlib.sha256).hexdigest()}
    sent = {"data": body, "headers": {**NOBODY, "Content-Type": "application/json", **signed}}
    assert (await gateway.ask("POST", "/hooks/forms/ads", **sent))[0] == 202
    status, problem, _ = await gateway.ask("POST", "/hooks/forms/ads", **{**sent, "data": body + b" "})
    assert (status, problem["type"].rpartition(":")[2]) == (403, "wrong-signature")


async def test_a_malformed_secret_of_a_source_is_a_503(gateway, monkeypatch):
    source = "{kind: form, signature: standard, secret_env: ADS_SECRET}"
    await gateway.apply_policy(sources=f"sources: {{ads: {source}}}")
    for secret, status in (("no base64!", 503), ("whsec_c2VjcmV0", 403)):
        monkeypatch.setenv("ADS_SECRET", secret)
        assert (await gateway.ask("POST", "/hooks/forms/ads", **FORM))[0] == status
        _, answer, _ = await gateway.ask("GET", "/v1/sources")
        assert answer["data"][0]["ready"] is (status == 403)


async def test_signals_come_from_sources_too(gateway):
    status, answer, _ = await gateway.ask(
        "POST", f"/hooks/signals/intent/{TOKEN}", json=SIGNAL, headers=NOBODY
    )
    (event,) = await gateway.events("signals.received.v1", 1)
    assert (status, event.id) == (202, answer["event_id"])
    status, answer, _ = await gateway.ask(
        "POST", f"/hooks/signals/intent/{TOKEN}", json=[SIGNAL, {}], headers=NOBODY
    )
    assert (status, ["problem" in item for item in answer["results"]]) == (202, [False, True])
    assert (await gateway.ask("POST", "/hooks/signals/intent", json=SIGNAL, headers=NOBODY))[0] == 403


async def test_a_source_takes_its_own_kind_alone(gateway):
    for path in ("forms/nowhere", "forms/intent", f"signals/fair/{TOKEN}", "signals/website"):
        status, problem, _ = await gateway.ask("POST", f"/hooks/{path}", json=SIGNAL, headers=NOBODY)
        assert (status, problem["type"].rpartition(":")[2]) == (404, "unknown-source"), path


async def test_only_the_pages_of_a_source_read_its_answers(gateway):
    for origin, allowed in (("https://www.shop.example", True), ("https://evil.example", False)):
        sent = {**FORM, "headers": {**NOBODY, "Origin": origin}}
        status, _, headers = await gateway.ask("POST", "/hooks/forms/website", **sent)
        assert status == 202
        assert headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)


async def test_a_change_takes_hold_within_seconds_without_a_restart(gateway):
    stop = asyncio.Event()
    watch = asyncio.create_task(gateway.resources.policy.run(stop, gateway.resources.health))
    changed = SOURCES.replace("website:", "shop:")
    _, present, _ = await gateway.ask("GET", "/v1/policies/active")
    files = {**present["files"], "sources.yaml": changed}
    status, applied, _ = await gateway.ask("POST", "/v1/policies", json={"files": files})
    assert (status, applied["version"]) == (201, present["version"]), "sources are outside of the hash"
    async with asyncio.timeout(600):
        while (await gateway.ask("POST", "/hooks/forms/shop", **FORM))[0] == 404:
            await asyncio.sleep(0.05)
    assert (await gateway.ask("POST", "/hooks/forms/website", **FORM))[0] == 404
    stop.set()
    await watch


async def test_sources_are_listed_without_their_secrets(gateway):
    _, answer, _ = await gateway.ask("GET", "/v1/sources")
    by_name = {item["name"]: item for item in answer["data"]}
    assert {name: item["url"] for name, item in by_name.items()} == {
        "website": "/hooks/forms/website",
        "fair": "/hooks/forms/fair/{token}",
        "ads": "/hooks/forms/ads",
        "intent": "/hooks/signals/intent/{token}",
    }
    assert (by_name["fair"]["ready"], by_name["fair"]["map"]) == (True, {"Thema": "answers.interest"})
    assert by_name["ads"]["problem"] == "the environment variable ADS_SECRET is not set"
    assert TOKEN not in str(answer)
    assert [by_name[name]["trust"] for name in ("website", "fair", "ads")] == ["public", "signed", "signed"]
    website = by_name["website"]
    assert website["activities"] == [
        {"type": "call", "when": {"field": "message", "exists": True}},
        {"type": "webinar", "when": None},
    ]
    assert (website["honeypot"], website["opt_out"], website["captcha"]) == (["_gotcha"], "alert", None)


async def test_a_preview_shows_the_lead_and_takes_nothing_in(gateway):
    status, answer, _ = await gateway.ask("POST", "/v1/sources/fair/preview", data=FORM["data"])
    assert (status, answer["lead_id"], answer["account"]) == (200, ANA, "kestrel.example")
    assert answer["lead"]["answers"] == {"interest": "partnership"}
    assert answer["lead"]["source"] == {"name": "fair", "campaign": "fair-26"}
    odd = {"email": "a@b.example", "size": "many", "Budget": "50k"}
    _, answer, _ = await gateway.ask("POST", "/v1/sources/fair/preview", data=odd)
    assert (answer["unmapped"], len(answer["warnings"])) == (["budget"], 1)
    assert (await gateway.ask("POST", "/v1/sources/fair/preview", data={"x": "y"}))[0] == 422
    assert (await gateway.ask("POST", "/v1/sources/nowhere/preview", data=FORM["data"]))[0] == 404
    rep = await gateway.key_headers("rep", rep="sdr-1")
    status, _, _ = await gateway.ask("POST", "/v1/sources/fair/preview", data=FORM["data"], headers=rep)
    assert status == 403
    await gateway.ask("POST", "/hooks/forms/website", **FORM)
    (event,) = await gateway.records(LEADS, 1)
    assert (event.partition >= 0, event.offset) == (True, 0)


async def test_a_signed_delivery_that_is_replayed_is_the_same_event(gateway, monkeypatch):
    """Who has recorded a delivery can send it again within the tolerance; so does a sender that tries again."""
    secret = new_secret(b"0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("ADS_SECRET", secret)
    source = "{kind: KIND, signature: standard, secret_env: ADS_SECRET}"
    sources = f"sources: {{ads: {source.replace('KIND', 'form')}, news: {source.replace('KIND', 'signal')}}}"
    await gateway.apply_policy(sources=sources)
    event_ids = []
    for path, body, webhook_id in (
        ("forms/ads", b'{"email": "ana@kestrel.example"}', "msg_1"),
        ("forms/ads", b'{"email": "ana@kestrel.example"}', "msg_1"),
        ("forms/ads", b'{"email": "ana@kestrel.example"}', "msg_2"),
        ("signals/news", json.dumps(SIGNAL).encode(), "msg_1"),
        ("signals/news", json.dumps(SIGNAL).encode(), "msg_1"),
    ):
        signed = sign([secret], webhook_id, gateway.resources.clock.now(), body)
        headers = {**NOBODY, "Content-Type": "application/json", **signed}
        status, answer, _ = await gateway.ask("POST", f"/hooks/{path}", data=body, headers=headers)
        assert status == 202
        event_ids.append(answer["event_id"])
    first, again, other, signal, same_signal = event_ids
    assert (first, signal) == (again, same_signal)
    assert len({first, other, signal}) == 3

"""What a source cannot read: it is kept, listed, replayed once the mapping is mended, bounded and erased."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from services.gateway.domain.rejected import BYTES_MAX, COUNT_MAX, KEPT, RejectedSubmission
from services.gateway.intake.rejected_store import delete_mentions, prune_rejected
from tests.support.gateway import RunningGateway

LEADS = "leads.received.v1"
NOBODY = {"Authorization": ""}
JSON = {"Content-Type": "application/json"}
TOKEN = "a token"
SOURCES = """
sources:
  website: {kind: form, public: true, origins: ["*"], redirects: ["https://www.shop.example/thanks"]}
  fair: {kind: form, secret_env: FAIR_TOKEN}
  intent: {kind: signal, secret_env: FAIR_TOKEN}
"""
MENDED = SOURCES.replace("website: {kind: form,", "website: {kind: form, map: {Kontakt: person.email},")
AMBIGUOUS = {"Kontakt": "a@b.example", "Vertretung": "c@b.example"}
SIGNAL = {
    "type": "funding_round",
    "account": {"domain": "targetworks.example"},
    "occurred_at": "2026-01-01T00:00:00Z",
}


@pytest.fixture
async def gateway(start_gateway, monkeypatch) -> RunningGateway:
    monkeypatch.setenv("FAIR_TOKEN", TOKEN)
    running: RunningGateway = await start_gateway()
    await running.apply_policy(sources=SOURCES)
    return running


async def rejected(gateway: RunningGateway, source: str = "website") -> list[dict[str, Any]]:
    status, answer, _ = await gateway.ask("GET", f"/v1/sources/{source}/rejected")
    assert status == 200
    data: list[dict[str, Any]] = answer["data"]
    return data


async def test_a_mended_mapping_makes_a_lead_of_what_was_rejected(gateway):
    # Of two addresses under unknown labels, neither is certainly the person's.
    form = {"Kontakt": "ana@kestrel.example", "Vertretung": "bo@kestrel.example"}
    before = gateway.resources.clock.now()
    assert (await gateway.ask("POST", "/hooks/forms/website", data=form, headers=NOBODY))[0] == 422
    (kept,) = await rejected(gateway)
    assert (kept["cause"], kept["status"], kept["replayable"]) == ("invalid-body", 422, True)
    assert kept["content_type"] == "application/x-www-form-urlencoded"
    assert kept["body"] == "Kontakt=ana%40kestrel.example&Vertretung=bo%40kestrel.example"
    assert "person.email" in kept["detail"]

    _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay")
    assert (answer["accepted"], answer["rejected"]) == (0, 1), "the mapping is as it was"
    assert answer["results"][0]["problem"]["status"] == 422

    await gateway.apply_policy(sources=MENDED)
    status, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay")
    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 0)
    (event,) = await gateway.events(LEADS, 1)
    assert (event.id, event.subject) == (answer["results"][0]["event_id"], answer["results"][0]["lead_id"])
    assert event.data.person.email == "ana@kestrel.example"
    assert before <= event.data.source.submitted_at == event.time <= gateway.resources.clock.now()
    assert (
        event.data.source.submitted_at.isoformat() == datetime.fromisoformat(kept["received_at"]).isoformat()
    )

    assert await rejected(gateway) == []
    _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay")
    assert answer == {"accepted": 0, "rejected": 0, "results": []}
    _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay", json={"ids": [kept["id"]]})
    assert answer["results"][0]["problem"]["type"] == "urn:baton:problem:unknown-submission"


async def test_a_submission_that_is_replayed_twice_is_one_event(gateway):
    await gateway.ask("POST", "/hooks/forms/website", data=AMBIGUOUS, headers=NOBODY)
    (kept,) = await rejected(gateway)
    async with gateway.database.read() as tx:
        from services.gateway.queries.rejected import find_rejected

        stored = await find_rejected(tx, "website", gateway.resources.clock.now(), [kept["id"]])
    await gateway.apply_policy(sources=MENDED)
    event_ids = []
    for _ in range(2):
        _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay", json={"ids": [kept["id"]]})
        event_ids.append(answer["results"][0]["event_id"])
        await gateway.store(*stored.values())  # as if the process had ended before it was removed
    assert event_ids[0] == event_ids[1]


@pytest.mark.parametrize(
    ("path", "more", "cause"),
    [
        ("website", {"data": {"email": "no"}}, "invalid-body"),
        ("website", {"data": b"{", "headers": JSON}, "malformed-json"),
        ("website", {"data": b"x", "headers": {"Content-Type": "image/png"}}, "unsupported-media-type"),
        ("website", {"data": b"x", "headers": {"Content-Encoding": "gzip", **JSON}}, "unsupported-encoding"),
        ("website", {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "malformed-form"),
        ("website?redirect=https://evil.example/", {"data": {"email": "a@b.example"}}, "redirect-refused"),
        (
            "website",
            {"data": {"email": "a@b.example"}, "headers": {"Idempotency-Key": "x" * 300}},
            "invalid-idempotency-key",
        ),
        (f"fair/{TOKEN}", {"data": {"email": "no"}}, "invalid-body"),
    ],
)
async def test_every_cause_of_a_refusal_is_kept_counted_and_logged(gateway, path, more, cause):
    source = path.partition("?")[0].partition("/")[0]
    with capture_logs() as logged:
        status, _, _ = await gateway.ask("POST", f"/hooks/forms/{path}", **more)
    assert 400 <= status < 500
    (kept,) = await rejected(gateway, source)
    assert (kept["cause"], kept["status"]) == (cause, status)
    assert kept["size"] > 0
    entry = next(entry for entry in logged if entry["event"] == "submission rejected")
    assert (entry["source"], entry["cause"]) == (source, cause)
    assert "b.example" not in str(logged)
    _, text, _ = await gateway.ask("GET", "/metrics")
    line = f'baton_rejected_submissions_total{{cause="{cause}",source="{source}"}} 1.0'
    assert line in text.decode()


async def test_of_a_body_over_the_limit_the_beginning_is_kept(gateway):
    form = aiohttp.FormData({"email": "ana@kestrel.example"}, default_to_multipart=True)
    form.add_field("cv", BytesIO(b"%PDF" * 300_000), filename="cv.pdf")
    status, _, _ = await gateway.ask("POST", "/hooks/forms/website", data=form)
    (kept,) = await rejected(gateway)
    assert (status, kept["cause"], kept["replayable"]) == (413, "body-too-large", False)
    assert "ana@kestrel.example" in kept["body"]
    assert kept["size"] > 1_200_000
    _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay")
    assert (answer["rejected"], answer["results"][0]["problem"]["status"]) == (1, 413)


async def test_a_sender_that_did_not_prove_itself_leaves_no_body(gateway):
    for path in ("fair", "fair/wrong"):
        assert (await gateway.ask("POST", f"/hooks/forms/{path}", data={"email": "no"}))[0] == 403
    assert (await gateway.ask("POST", "/hooks/forms/fair/wrong", data=BytesIO(b"x" * 2_000_000)))[0] == 413
    assert (await gateway.ask("POST", "/hooks/forms/intent", data={"email": "no"}))[0] == 404
    assert await rejected(gateway, "fair") == []
    _, text, _ = await gateway.ask("GET", "/metrics")
    assert b'baton_rejected_submissions_total{cause="wrong-token",source="fair"} 2.0' in text


async def test_signals_are_kept_and_replayed_item_by_item(gateway):
    path = f"/hooks/signals/intent/{TOKEN}"
    status, _, _ = await gateway.ask("POST", path, json=[SIGNAL, {"type": 1}, {**SIGNAL, "account": {}}])
    assert status == 202
    assert (await gateway.ask("POST", path, json=[{}]))[0] == 422
    assert (await gateway.ask("POST", path, data=b"[", headers=JSON))[0] == 400
    bodies = {kept["body"] for kept in await rejected(gateway, "intent")}
    assert {'{"type":1}', "{}", "["} <= {body.replace(" ", "") for body in bodies}
    assert len(bodies) == 4
    good = json.dumps(SIGNAL).encode()
    await gateway.store(submission("good", gateway.resources.clock.now(), body=good, source="intent"))
    _, answer, _ = await gateway.ask("POST", "/v1/sources/intent/replay")
    assert (answer["accepted"], answer["rejected"]) == (1, 4)
    events = await gateway.events("signals.received.v1", 2)
    assert answer["results"][-1]["event_id"] in {event.id for event in events}


def submission(id_: str, at: datetime, *, body: bytes = b"{}", source: str = "website") -> RejectedSubmission:
    return RejectedSubmission(
        id=id_,
        source=source,
        received_at=at,
        status=422,
        cause="invalid-body",
        detail="",
        content_type="application/json",
        idempotency_key="",
        size=len(body),
        body=body,
    )


async def test_the_list_has_pages_and_needs_a_manager(gateway):
    now = gateway.resources.clock.now()
    await gateway.store(*(submission(f"{n}", now - timedelta(seconds=n)) for n in range(5)))
    _, page, _ = await gateway.ask("GET", "/v1/sources/website/rejected?limit=3")
    assert [item["id"] for item in page["data"]] == ["0", "1", "2"]
    _, page, _ = await gateway.ask("GET", f"/v1/sources/website/rejected?limit=3&cursor={page['next']}")
    assert ([item["id"] for item in page["data"]], page["next"]) == (["3", "4"], None)
    seller = await gateway.key_headers("rep", rep="sdr-1")
    for method, path in (("GET", "rejected"), ("POST", "replay")):
        status, *_ = await gateway.ask(method, f"/v1/sources/website/{path}", headers=seller)
        assert status == 403
        assert (await gateway.ask(method, f"/v1/sources/nowhere/{path}"))[0] == 404


async def test_what_is_older_than_a_week_is_neither_shown_nor_replayed_and_is_deleted(gateway):
    now = gateway.resources.clock.now()
    await gateway.store(submission("old", now - KEPT - timedelta(minutes=1)), submission("new", now))
    assert [item["id"] for item in await rejected(gateway)] == ["new"]
    _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay", json={"ids": ["old"]})
    assert answer["results"][0]["problem"]["status"] == 404
    await prune_rejected(gateway.database, now + timedelta(minutes=5))
    assert await stored_ids(gateway) == {"new"}


async def stored_ids(gateway: RunningGateway) -> set[str]:
    from sqlalchemy import select

    from services.gateway.tables import rejected_submissions

    async with gateway.database.read() as tx:
        return set((await tx.execute(select(rejected_submissions.c.id))).scalars())


@pytest.mark.parametrize(
    ("count", "body"),
    [(COUNT_MAX, b"{}"), (BYTES_MAX // 1_000_000, b"x" * 1_000_000)],
    ids=["count", "bytes"],
)
async def test_the_oldest_are_dropped_beyond_the_bounds_of_a_source(gateway, count, body):
    now = datetime.now(UTC)
    old = [submission(f"old-{n:04}", now - timedelta(seconds=count - n), body=body) for n in range(count)]
    await gateway.store(*old, submission("of another source", now - timedelta(days=1), source="fair"))
    for n in range(2):
        await gateway.ask("POST", "/hooks/forms/website", data=body[:100] if n else body, headers=JSON)
    left = await stored_ids(gateway)
    assert "of another source" in left
    assert "old-0000" not in left
    assert count * 0.85 < len(left) <= count * 0.95 + 2
    _, text, _ = await gateway.ask("GET", "/metrics")
    assert b'baton_rejected_submissions_dropped_total{source="website"}' in text


async def test_an_erased_person_is_in_no_submission(gateway):
    now = gateway.resources.clock.now()
    bodies = {
        "urlencoded": b"Kontakt=Ana%2Bx%40Kestrel.example",
        "escaped": b'{"mail": "ana\\u0040kestrel.example"',
        "phone": b"tel=030+901820",
        "profile": b'{"url": "https://de.linkedin.com/in/Ana-Ruiz/?x=1"}',
        "other": b"Kontakt=anabel%40kestrel.example&tel=030+901821",
    }
    await gateway.store(*(submission(name, now, body=body) for name, body in bodies.items()))
    identifiers = [
        "email:ana@kestrel.example",
        "phone:+4930901820",
        "linkedin:https://www.linkedin.com/in/ana-ruiz",
    ]
    assert await delete_mentions(gateway.database, identifiers) == 4
    assert await stored_ids(gateway) == {"other"}


async def test_a_fault_of_our_own_keeps_the_form(gateway, monkeypatch):
    form = {"email": "ana@kestrel.example"}
    with monkeypatch.context() as broken:
        broken.setattr("services.gateway.intake.hooks.publish_lead", None)
        assert (await gateway.ask("POST", "/hooks/forms/website", data=form))[0] == 500
    (kept,) = await rejected(gateway)
    assert (kept["cause"], kept["status"]) == ("internal-error", 500)
    _, answer, _ = await gateway.ask("POST", "/v1/sources/website/replay")
    assert answer["accepted"] == 1

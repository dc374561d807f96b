"""Vendors that are a folder alone: what they post becomes leads, signals, erasures and fetches over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import func, select

from services.gateway.domain.known_entities import Entity, EntityId
from services.gateway.intake.entity_store import StoredEntities, prune_entities
from services.gateway.intake.ignored_items import IgnoredItems
from services.gateway.tables import ignored_items, known_entities, pending_fetches
from tests.support.gateway import RunningGateway

SECRET = "the secret of acme"
NOBODY = {"Authorization": ""}
FORM = """
vendor: acmeforms
kind: form
title: Acme Forms
docs: https://acme.example/webhooks
content: [json, urlencoded, {multipart_json: raw}]
detect: "type(entry) == 'array'"
handshake: [{when: query.check, check: {token: secret}, answer: query.check}]
signature: {scheme: hmac, header: X-Acme, value: "sha256={signature}"}
items: entry
outcomes:
  - {when: test, do: ignore, reason: a test}
  - {when: "deleted", do: erase, by: {external_id: deleted}}
  - {when: "forget", do: erase, by: {email: forget}}
  - {when: "stop", do: opt_out, by: {email: stop}}
  - {when: "lead", do: fetch, provider: acmegraph, with: {id: lead}}
  - {when: "news", do: signal, signal: {type: "'news'", account.domain: news, details.title: text(title)}}
event_id: id
labels: fields
map: {source.form_id: form, source.submitted_at: epoch(at)}
known_entities: [{kind: person, id: contact}]
activity: demo_request
"""
SIGNALS = """
vendor: acmeintent
kind: signal
title: Acme Intent
docs: https://acme.example/intent
content: [json]
detect: rows
items: rows
outcomes: [{when: "score < `50`", do: ignore, reason: below the threshold}]
map: {type: "'intent_surge'", account.domain: domain, account.external_id: account, occurred_at: day, strength: score}
dedupe: ["first_nonempty(domain, account)", day]
known_entities: [{kind: account, id: account}]
"""
PICKY = f"""{SIGNALS.replace("acmeintent", "acmepicky")}
success_status: 201
success_body: "{{received: `true`, delivery: delivery}}"
"""
PROVIDER = """
vendor: acmegraph
title: Acme Graph
docs: https://acme.example/graph
base_url: https://graph.acme.example
price: {}
auth: {header: Authorization, value: "Bearer {key}"}
ask: {lead: {method: GET, path: "/leads/{id}", needs: [id]}}
answer: {}
"""
SOURCES = """
sources:
  acme: {kind: acmeforms, secret_env: ACME_SECRET}
  signed: {kind: acmeforms, signature: acmeforms, secret_env: ACME_SECRET}
  page: {kind: acmeforms, public: true}
  intent: {kind: acmeintent, secret_env: ACME_SECRET}
  picky: {kind: acmepicky, secret_env: ACME_SECRET}
"""
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="raw"\r\n\r\n{"entry": [{"fields": {"email": "ada@holt.example"}}]}'
    b'\r\n--x\r\nContent-Disposition: form-data; name="cv"; filename="a.pdf"\r\n\r\nx\r\n--x--\r\n'
)
ADA = {
    "id": "e1",
    "form": "f1",
    "contact": 7,
    "fields": {"Work email": "ada@holt.example", "Colour": "green"},
}


@pytest.fixture
async def gateway(start_gateway, tmp_path: Path, monkeypatch) -> RunningGateway:
    own = tmp_path / "own" / "integrations"
    for kind, vendor, text in (
        ("forms", "acmeforms", FORM),
        ("signals", "acmeintent", SIGNALS),
        ("signals", "acmepicky", PICKY),
        ("providers", "acmegraph", PROVIDER),
    ):
        (own / kind / vendor).mkdir(parents=True)
        (own / kind / vendor / "preset.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("ACME_SECRET", SECRET)
    monkeypatch.setenv("ACME_GRAPH_KEY", "graph key")
    running: RunningGateway = await start_gateway(
        BATON_POLICY_DIR=str(tmp_path / "own"), BATON_PROVIDERS_ALLOW="127.0.0.0/8"
    )
    assert [str(finding) for finding in running.resources.integrations.findings] == []
    await running.apply_policy(sources=SOURCES)
    return running


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {**NOBODY, "X-Acme": f"sha256={mac}", "Content-Type": "application/json"}


async def post(gateway: RunningGateway, *entries: Mapping[str, Any], source: str = "acme") -> tuple[int, Any]:
    body = json.dumps({"entry": entries}).encode()
    status, answer, _ = await gateway.ask("POST", f"/hooks/forms/{source}", data=body, headers=signed(body))
    return status, answer


async def count(gateway: RunningGateway, table: Any) -> int:
    async with gateway.database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(table))).scalar() or 0


async def test_a_folder_alone_is_a_vendor_of_forms(gateway):
    status, answer = await post(gateway, ADA)
    assert (status, answer["status_url"]) == (202, f"/v1/leads/{answer['lead_id']}")
    (event,) = await gateway.events("leads.received.v1", 1)
    assert (event.id, event.subject) == (answer["event_id"], answer["lead_id"])
    lead = event.data
    assert (lead.person.email, lead.answers, lead.source.form_id) == (
        "ada@holt.example",
        {"colour": "green"},
        "f1",
    )
    assert [activity.type for activity in lead.activities] == ["demo_request"]
    assert lead.trust == "signed"
    assert (await post(gateway, ADA))[1] == answer, "the same post is the same event"
    _, listed, _ = await gateway.ask("GET", "/v1/integrations")
    own = {one["vendor"]: one for one in listed["data"] if one["own"]}
    assert (own["acmeforms"]["signature"], own["acmeforms"]["url"]) == ("hmac", "/hooks/forms/{source}")
    _, one, _ = await gateway.ask("GET", "/v1/integrations/forms/acmeforms")
    assert one["title"] == "Acme Forms"
    assert (await gateway.ask("GET", "/v1/integrations/forms/nobody"))[0] == 404


async def test_a_source_of_a_vendor_that_signs_takes_its_signature_or_the_token(gateway):
    body = json.dumps({"entry": [ADA]}).encode()
    token = SECRET.replace(" ", "%20")
    cases = {
        "acme": (signed(body), 202),
        f"acme/{token}": (NOBODY, 202),
        "acme/wrong": (NOBODY, 403),
        "signed": (signed(body), 202),
        f"signed/{token}": (NOBODY, 403),
    }
    for path, (headers, expected) in cases.items():
        status, *_ = await gateway.ask("POST", f"/hooks/forms/{path}", data=body, headers=headers)
        assert status == expected, path
    for headers in (NOBODY, signed(body, "another secret"), signed(body + b" ")):
        assert (await gateway.ask("POST", "/hooks/forms/acme", data=body, headers=headers))[0] == 403
    _, answer, _ = await gateway.ask("GET", "/v1/sources")
    source = next(one for one in answer["data"] if one["name"] == "acme")
    assert (source["kind"], source["vendor"], source["signature"], source["ready"]) == (
        "acmeforms",
        "acmeforms",
        "acmeforms",
        True,
    )


async def test_the_handshake_of_a_preset_is_answered_to_who_knows_the_secret(gateway):
    path = "/hooks/forms/acme?check=123&token="
    for method in ("GET", "HEAD"):
        status, answer, _ = await gateway.ask(method, path + SECRET.replace(" ", "%20"), headers=NOBODY)
        assert (status, answer) == (200, b"123" if method == "GET" else b"")
    assert (await gateway.ask("GET", path + "wrong", headers=NOBODY))[0] == 403


async def test_several_items_have_a_result_each(gateway):
    bo = {"fields": {"E-Mail": "bo@holt.example"}}
    nobody = {"fields": {"Colour": "red"}}
    news = {"news": "holt.example", "title": "A new office"}
    status, answer = await post(gateway, ADA, bo, {"test": True}, nobody, news)
    results = answer["results"]
    assert (status, [one["index"] for one in results]) == (202, [0, 1, 2, 3, 4])
    assert "lead_id" in results[0]
    assert results[0]["lead_id"] != results[1]["lead_id"]
    assert results[2] == {"index": 2, "ignored": "a test"}
    assert results[3]["problem"]["status"] == 422
    assert results[4].keys() == {"index", "event_id"}
    assert len({event.id for event in await gateway.events("leads.received.v1", 2)}) == 2
    (signal,) = await gateway.events("signals.received.v1", 1)
    assert (signal.data.type, signal.data.details) == ("news", {"title": "A new office"})
    _, kept, _ = await gateway.ask("GET", "/v1/sources/acme/rejected")
    assert [json.loads(one["body"])["item"] for one in kept["data"]] == [nobody]
    mended = SOURCES.replace(
        "acme: {kind: acmeforms,", "acme: {kind: acmeforms, map: {Colour: person.linkedin_url},"
    )
    await gateway.apply_policy(sources=mended)
    _, replayed, _ = await gateway.ask("POST", "/v1/sources/acme/replay")
    assert (replayed["accepted"], replayed["rejected"]) == (0, 1)


async def test_when_nothing_is_to_be_made_the_answer_says_so(gateway):
    assert await post(gateway, {"test": True}, {"test": True}) == (202, {"ignored": 2})
    assert await post(gateway) == (202, {"ignored": 0})
    status, problem = await post(gateway, {"fields": {"a": "b"}}, {"fields": {"c": "d"}})
    assert (status, problem["type"]) == (422, "urn:baton:problem:none-accepted")
    _, text, _ = await gateway.ask("GET", "/metrics")
    assert b'baton_vendor_items_total{outcome="ignored",source="acme"} 2.0' in text


async def test_a_source_tells_how_many_items_were_ignored_after_a_restart_too(gateway):
    async def told(of: RunningGateway) -> dict[str, int]:
        sources = (await of.ask("GET", "/v1/sources"))[1]["data"]
        return {one["name"]: one["ignored_items"] for one in sources if one["ignored_items"]}

    assert await told(gateway) == {}
    await post(gateway, {"test": True}, ADA, {"test": True})
    assert await told(gateway) == {"acme": 2}
    for expected in (2, 3):
        await gateway.work.step()
        assert await told(gateway) == {"acme": expected}
        await post(gateway, {"test": True})
    await gateway.work.step()
    assert await count(gateway, ignored_items) == 1
    again = IgnoredItems(gateway.resources.database, gateway.resources.clock)
    assert await again.by_source() == {"acme": 4}


async def test_a_deletion_erases_whom_an_earlier_record_named(gateway):
    assert await post(gateway, {"deleted": 7}) == (202, {"ignored": 1})
    _, lead = await post(gateway, ADA)
    assert await count(gateway, known_entities) == 1
    _, export, _ = await gateway.ask("GET", "/v1/people/export?email=ada@holt.example")
    assert [one["key_text"] for one in export["known_entities"]] == ["acmeforms:person:7"]
    status, answer = await post(gateway, {"deleted": 7})
    assert (status, answer) == (202, {"erased": 1})
    (event,) = await gateway.events("people.erased.v1", 1)
    assert lead["lead_id"] in event.data.lead_ids
    assert await count(gateway, known_entities) == 0
    assert (await post(gateway, {"forget": "bo@holt.example"}))[1] == {"erased": 1}
    assert (await post(gateway, {"forget": "no address"}))[0] == 422


async def test_a_public_source_neither_erases_nor_opts_out_nor_tells_ids(gateway):
    for entry in ({"deleted": 7}, {"forget": "ada@holt.example"}, {"stop": "ada@holt.example"}):
        status, problem = await post(gateway, entry, source="page")
        assert (status, problem["type"]) == (403, "urn:baton:problem:unproven-request"), entry
    assert (await post(gateway, ADA, source="page"))[0] == 202
    assert await count(gateway, known_entities) == 0


async def test_an_opt_out_is_a_signal_of_the_person(gateway):
    status, answer = await post(gateway, {"stop": "ada@holt.example"})
    assert (status, answer.keys()) == (202, {"event_id"})
    (event,) = await gateway.events("signals.received.v1", 1)
    assert (event.data.type, event.data.person.email, event.data.trust) == (
        "opt_out",
        "ada@holt.example",
        "signed",
    )


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"Work email": "ada@holt.example"}'),
        ("application/x-www-form-urlencoded", b"email=ada%40holt.example"),
        (
            "multipart/form-data; boundary=x",
            MULTIPART,
        ),
    ],
)
async def test_a_form_in_another_shape_is_read_as_what_it_is(gateway, content_type, body):
    headers = {**NOBODY, "Content-Type": content_type}
    status, *_ = await gateway.ask("POST", "/hooks/forms/page", data=body, headers=headers)
    assert status == 202
    _, shown, _ = await gateway.ask(
        "POST", "/v1/sources/page/preview", data=body, headers={"Content-Type": content_type}
    )
    assert shown["lead"]["person"]["email"] == "ada@holt.example"
    assert shown["warnings"], "it says that the shape is another one, or that a file is not kept"


async def test_a_preview_shows_every_item_and_stores_nothing(gateway):
    body = json.dumps({"entry": [ADA, {"test": True}, {"deleted": 9}, {"lead": "55"}, {"fields": {"x": 1}}]})
    _, shown, _ = await gateway.ask("POST", "/v1/sources/acme/preview", data=body.encode())
    assert (shown["lead"]["person"]["email"], shown["unmapped"]) == ("ada@holt.example", ["colour"])
    whats = [
        next(name for name in ("lead", "ignore", "erase", "fetch", "problem") if name in item)
        for item in shown["items"]
    ]
    assert whats == ["lead", "ignore", "erase", "fetch", "problem"]
    assert await count(gateway, pending_fetches) == 0
    _, shown, _ = await gateway.ask(
        "POST", "/v1/sources/intent/preview", data=b'{"rows": [{"account": "a"}]}'
    )
    assert shown["lead"] is None
    assert "parked" in shown["items"][0]


async def send_rows(gateway: RunningGateway, *rows: Mapping[str, Any]) -> tuple[int, Any]:
    path = f"/hooks/signals/intent/{SECRET.replace(' ', '%20')}"
    status, answer, _ = await gateway.ask("POST", path, json={"rows": rows}, headers=NOBODY)
    return status, answer


async def test_a_folder_alone_is_a_vendor_of_signals(gateway):
    row = {"domain": "https://www.holt.example/", "day": "2026-01-10", "score": 81.6}
    status, answer = await send_rows(gateway, row)
    assert (status, answer.keys()) == (202, {"event_id"})
    (event,) = await gateway.events("signals.received.v1", 1)
    assert (event.key, event.data.strength, event.data.external_id) == (
        "holt.example",
        82,
        "https://www.holt.example/:2026-01-10",
    )
    assert (await send_rows(gateway, row))[1] == answer
    assert await send_rows(gateway, {**row, "score": 49}) == (202, {"ignored": 1})
    assert (await gateway.ask("POST", "/hooks/signals/intent/wrong", json={"rows": []}))[0] == 403
    path = f"/hooks/signals/intent/{SECRET.replace(' ', '%20')}"
    assert (await gateway.ask("POST", path, json={"other": 1}, headers=NOBODY))[0] == 422
    assert (await gateway.ask("POST", path, data={"rows": "1"}, headers=NOBODY))[0] == 415


async def test_a_vendor_has_the_status_and_body_that_it_takes_for_success(gateway):
    path = f"/hooks/signals/picky/{SECRET.replace(' ', '%20')}"
    body = {"rows": [{"domain": "holt.example", "score": 49}], "delivery": "d1"}
    status, answer, _ = await gateway.ask("POST", path, json=body, headers=NOBODY)
    assert (status, answer) == (201, {"received": True, "delivery": "d1", "ignored": 1})


async def test_what_only_an_id_tells_waits_until_the_id_is_known(gateway):
    waiting = {"account": "5f1", "day": "2026-01-11", "score": 70}
    status, answer = await send_rows(gateway, waiting)
    assert (status, answer) == (202, {"parked": 1})
    _, kept, _ = await gateway.ask("GET", "/v1/sources/intent/rejected")
    assert (kept["data"][0]["cause"], kept["data"][0]["replayable"]) == ("unknown-entity", True)
    assert not await gateway.work.step()
    await send_rows(gateway, {**waiting, "domain": "holt.example", "day": "2026-01-12"})
    while await gateway.work.step():
        pass
    events = await gateway.events("signals.received.v1", 2)
    assert {(event.key, event.data.external_id) for event in events} == {
        ("holt.example", "holt.example:2026-01-12"),
        ("holt.example", "5f1:2026-01-11"),
    }
    _, kept, _ = await gateway.ask("GET", "/v1/sources/intent/rejected")
    assert kept["data"] == []
    known = {"rows": [{**waiting, "day": "2026-01-13"}]}
    _, shown, _ = await gateway.ask("POST", "/v1/sources/intent/preview", json=known)
    assert shown["items"][0]["account"] == "holt.example"
    assert (await send_rows(gateway, *known["rows"]))[1].keys() == {"event_id"}
    await prune_entities(gateway.database, gateway.resources.clock.now())
    assert await count(gateway, known_entities) == 1


async def test_ids_of_posts_that_come_at_the_same_time_are_stored_and_found_together(gateway: RunningGateway):
    stored = StoredEntities(gateway.database, gateway.resources.clock)
    ids = [EntityId("person", str(number)) for number in range(20)]
    told = [Entity(f"ada{number}@holt.example") for number in range(20)]
    await asyncio.gather(
        *[stored.remember("acme", {id_: entity}) for id_, entity in zip(ids, told, strict=True)],
        stored.remember("acme", {ids[3]: Entity("later@holt.example")}),
        stored.remember("other", {ids[0]: Entity("somebody@else.example")}),
    )
    told[3] = Entity("later@holt.example")
    found = await asyncio.gather(*[stored.find("acme", [id_, EntityId("account", "1")]) for id_ in ids])
    assert found == [{id_: entity} for id_, entity in zip(ids, told, strict=True)]
    assert await count(gateway, known_entities) == 21


class Graph:
    """A vendor's API that has a lead by its id, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.asked: list[tuple[str, str]] = []

    async def lead(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers["Authorization"]))
        if self.statuses:
            return web.json_response({}, status=self.statuses.pop(0))
        return web.json_response({"entry": [{**ADA, "id": request.path}]})


@pytest.fixture
async def graph(gateway: RunningGateway) -> AsyncIterator[Graph]:
    made = Graph()
    app = web.Application()
    app.router.add_get("/leads/{id}", made.lead)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    providers = Path("config/providers.yaml").read_text(encoding="utf-8")
    acme = (
        f"\n  acme-graph:\n    integration: acmegraph\n    base_url: http://127.0.0.1:{port}\n"
        "    key_env: ACME_GRAPH_KEY\n"
    )
    await gateway.apply_policy(sources=SOURCES, providers=providers.rstrip() + acme)
    yield made
    await runner.cleanup()


async def test_a_lead_that_is_only_named_is_fetched(gateway, graph):
    assert await post(gateway, {"lead": "55"}) == (202, {"pending": 1})
    assert await post(gateway, {"lead": "55"}) == (202, {"pending": 1})
    assert await count(gateway, pending_fetches) == 1
    _, listed, _ = await gateway.ask("GET", "/v1/sources")
    assert next(one for one in listed["data"] if one["name"] == "acme")["pending_fetches"] == 1
    await gateway.work.step()
    (event,) = await gateway.events("leads.received.v1", 1)
    assert (event.data.person.email, event.data.source.form_id) == ("ada@holt.example", "f1")
    assert graph.asked == [("/leads/55", "Bearer graph key")]
    assert await count(gateway, pending_fetches) == 0


async def test_a_fetch_that_fails_is_tried_again_and_kept_when_it_is_given_up(gateway, graph):
    graph.statuses = [500, 404]
    await post(gateway, {"lead": "56"})
    await gateway.work.step()
    async with gateway.database.begin() as tx:
        row = (await tx.execute(select(pending_fetches))).one()
        assert (row.attempts, row.due_at > gateway.resources.clock.now()) == (1, True)
        assert "500" in row.detail
        await tx.execute(pending_fetches.update().values(due_at=gateway.resources.clock.now()))
    await gateway.work.step()
    assert await count(gateway, pending_fetches) == 0
    _, kept, _ = await gateway.ask("GET", "/v1/sources/acme/rejected")
    assert (kept["data"][0]["cause"], "no_match" in kept["data"][0]["detail"]) == ("fetch-failed", True)
    _, replayed, _ = await gateway.ask("POST", "/v1/sources/acme/replay")
    assert replayed["accepted"] == 1, "the fetch is in its table again"
    await gateway.work.step()
    (event,) = await gateway.events("leads.received.v1", 1)
    assert event.data.person.email == "ada@holt.example"


async def test_without_a_provider_a_fetch_waits(gateway):
    await post(gateway, {"lead": "57"})
    await gateway.work.step()
    async with gateway.database.read() as tx:
        row = (await tx.execute(select(pending_fetches))).one()
    assert "no provider with the integration acmegraph" in row.detail


async def test_a_policy_may_only_name_vendors_that_have_a_folder(gateway):
    files = {path.name: path.read_text(encoding="utf-8") for path in Path("config").glob("*.yaml")}
    for old, new, said in (
        ("kind: acmeforms, public", "kind: acmeform, public", 'did you mean "acmeforms"?'),
        ("signature: acmeforms", "signature: acmefroms", 'did you mean "acmeforms"?'),
    ):
        files["sources.yaml"] = SOURCES.replace(old, new)
        status, problem, _ = await gateway.ask("POST", "/v1/policies/validate", json={"files": files})
        assert (status, said in problem["errors"][0]["detail"]) == (422, True)

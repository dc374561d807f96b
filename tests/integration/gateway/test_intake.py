"""The gateway over HTTP: what is accepted is in the stream before the answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import aiohttp
import msgspec
from sqlalchemy import insert

from services.enricher.tables import lead_aliases
from services.gateway.queries.subscriptions import list_subscriptions
from services.ledger.tables import dead_letters
from shared.lead.events.dead_letter import REPLAY_HEADER
from shared.lead.ids import lead_id_of
from shared.vault import Vault
from shared.web.signing import Signer

LEADS = "leads.received.v1"
JSON = {"Content-Type": "application/json"}
LEAD = b'{ "person": {"email": "Dana@Ledgerlane.example"}, "answers": {"size": 1} }'
DANA = lead_id_of("email:dana@ledgerlane.example")


async def test_an_accepted_lead_is_in_the_stream_as_it_came(gateway):
    status, answer, _ = await gateway.ask("POST", "/v1/leads", data=LEAD, headers=JSON)
    (event,) = await gateway.events(LEADS, 1)
    assert status == 202
    assert event.raw == LEAD
    assert event.id == answer["event_id"]
    assert event.subject == answer["lead_id"] == DANA
    assert event.key == "ledgerlane.example"
    assert answer["status_url"] == f"/v1/leads/{DANA}"


async def test_the_clients_trace_goes_on(gateway):
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    await gateway.ask("POST", "/v1/leads", data=LEAD, headers={**JSON, "traceparent": traceparent})
    (event,) = await gateway.events(LEADS, 1)
    assert event.traceparent[:35] == traceparent[:35]


async def test_one_idempotency_key_is_one_event_alone_or_first_of_a_list(gateway):
    headers = {**JSON, "Idempotency-Key": "order-7"}
    _, once, _ = await gateway.ask("POST", "/v1/leads", data=LEAD, headers=headers)
    _, again, _ = await gateway.ask(
        "POST", "/v1/leads", data=b"[" + LEAD + b"," + LEAD + b"]", headers=headers
    )
    first, second = again["results"]
    assert once["event_id"] == first["event_id"] != second["event_id"]


async def test_an_event_id_wins_over_an_idempotency_key(gateway):
    lead = {"event_id": "crm-1", "person": {"email": "a@b.example"}}
    ids = [
        (await gateway.ask("POST", "/v1/leads", json=lead, headers={"Idempotency-Key": key}))[1]["event_id"]
        for key in ("x", "y")
    ]
    assert ids[0] == ids[1]


async def test_each_item_of_a_list_is_accepted_or_rejected_by_itself(gateway):
    body = b'[{"person": {"email": "nobody"}}, ' + LEAD + b', 7, {"message": "hello"}]'
    status, answer, _ = await gateway.ask("POST", "/v1/leads", data=body, headers=JSON)
    results = answer["results"]
    assert status == 202
    assert [result["index"] for result in results] == [0, 1, 2, 3]
    assert results[0]["problem"]["errors"][0]["pointer"] == "/person/email"
    assert set(results[1]) == {"index", "lead_id", "event_id", "status_url"}
    assert [result["problem"]["status"] for result in results if "problem" in result] == [422, 422, 422]


async def test_a_list_of_which_nothing_is_accepted_is_a_problem(gateway):
    status, answer, _ = await gateway.ask("POST", "/v1/leads", data=b"[{}, 1]", headers=JSON)
    assert (status, len(answer["results"])) == (422, 2)


async def test_a_key_allows_its_scopes_and_ends_when_it_is_revoked(gateway):
    new = {"name": "forms", "scopes": ["intake"]}
    status, made, _ = await gateway.ask("POST", "/v1/api-keys", json=new)
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert status == 201
    assert (await gateway.ask("POST", "/v1/leads", data=LEAD, headers={**JSON, **headers}))[0] == 202
    assert (await gateway.ask("GET", "/v1/leads", headers=headers))[0] == 403
    _, listed, _ = await gateway.ask("GET", "/v1/api-keys")
    assert [(key["id"], "key" in key, "hash" in key) for key in listed["data"]] == [
        (made["id"], False, False)
    ]
    assert (await gateway.ask("DELETE", f"/v1/api-keys/{made['id']}"))[0] == 204
    assert (await gateway.ask("POST", "/v1/leads", data=LEAD, headers={**JSON, **headers}))[0] == 401
    assert (await gateway.ask("DELETE", f"/v1/api-keys/{made['id']}"))[0] == 404


async def test_lists_without_anything_are_empty(gateway):
    for path in ("/v1/leads", "/v1/leads?email=a@b.example", "/v1/subscriptions", "/v1/dead-letters"):
        assert (await gateway.ask("GET", path))[:2] == (200, {"data": [], "next": None})


async def test_forms_come_in_every_format_without_a_key(gateway):
    fields = {"Work Email": "dana@ledgerlane.example", "Company size": "51-200"}
    multipart = aiohttp.FormData(fields, default_to_multipart=True)
    multipart.add_field("cv", b"%PDF", filename="cv.pdf")
    nobody = {"Authorization": "", "Origin": "https://www.shop.example"}
    for more in ({"data": fields}, {"json": fields}, {"data": multipart}):
        status, answer, headers = await gateway.ask("POST", "/hooks/forms/website", headers=nobody, **more)
        assert (status, answer["lead_id"]) == (202, DANA)
        assert headers["Access-Control-Allow-Origin"] == "*"
    for event in await gateway.events(LEADS, 3):
        assert event.data.company.employees == 51
        assert (event.data.source.channel, event.data.source.name) == ("website", "website")


async def test_signals_are_accepted(gateway):
    signal = {
        "type": "funding_round",
        "account": {"domain": "www.targetworks.example"},
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    status, answer, _ = await gateway.ask("POST", "/v1/signals", json=signal)
    _, again, _ = await gateway.ask("POST", "/v1/signals", json=[signal, {}])
    (event, *_) = await gateway.events("signals.received.v1", 2)
    assert (status, event.id) == (202, answer["event_id"])
    assert event.subject == event.key == "targetworks.example"
    assert "event_id" in again["results"][0]
    assert again["results"][1]["problem"]["status"] == 422


async def test_a_subscription_shows_its_secret_once_and_delivery_can_open_it(gateway):
    new = {
        "url": "http://127.0.0.1:9/hook",
        "events": ["lead.routed", "account.*"],
        "filter": {"decision.queue": "sdr"},
    }
    status, made, _ = await gateway.ask("POST", "/v1/subscriptions", json=new)
    assert status == 201
    Signer(made["secret"])
    _, listed, _ = await gateway.ask("GET", "/v1/subscriptions")
    _, one, _ = await gateway.ask("GET", f"/v1/subscriptions/{made['id']}")
    assert listed["data"] == [one] == [{name: value for name, value in made.items() if name != "secret"}]
    async with gateway.database.read() as tx:
        (stored,) = await list_subscriptions(tx, None, 10)
    vault = Vault(gateway.resources.secret, os.urandom)
    assert stored.opened_secrets(vault) == [made["secret"]]
    assert made["secret"] not in stored.secrets[0].sealed
    assert (await gateway.ask("DELETE", f"/v1/subscriptions/{made['id']}"))[0] == 204
    assert (await gateway.ask("DELETE", f"/v1/subscriptions/{made['id']}"))[0] == 404


async def test_pages_follow_each_other(gateway):
    for number in range(5):
        new = {"url": f"https://example.com/{number}", "events": ["*"]}
        await gateway.ask("POST", "/v1/subscriptions", json=new)
    seen, query = [], ""
    for _ in range(3):
        _, page, _ = await gateway.ask("GET", f"/v1/subscriptions?limit=2{query}")
        seen.append([one["url"][-1] for one in page["data"]])
        query = f"&cursor={page['next']}"
    assert (seen, page["next"]) == ([["4", "3"], ["2", "1"], ["0"]], None)


async def test_a_dead_letter_is_listed_and_sent_through_again(gateway):
    letter = {
        "id": "1", "topic": LEADS, "partition": 0, "offset": 3, "record_key": b"k", "value": b"not JSON",
        "headers": [("ce_id", b"x"), ("odd", None), (REPLAY_HEADER, b"0")], "stage": "enricher", "kind": "json",
        "message": "no", "event_id": "x", "event_type": "", "subject": "", "at": gateway.resources.clock.now(),
        "replayed_at": None,
    }  # fmt: skip
    async with gateway.database.begin() as tx:
        await tx.execute(insert(dead_letters), [letter, {**letter, "id": "2", "topic": "elsewhere"}])
    _, listed, _ = await gateway.ask("GET", "/v1/dead-letters")
    assert {one["id"] for one in listed["data"]} == {"1", "2"}
    assert "value" not in listed["data"][0]
    assert (await gateway.ask("POST", "/v1/dead-letters/1/replay"))[0] == 202
    (record,) = await gateway.records(LEADS, 1)
    assert (record.key, record.value) == (b"k", b"not JSON")
    assert list(record.headers) == [("ce_id", b"x"), ("odd", None), (REPLAY_HEADER, b"1")]
    assert (await gateway.ask("POST", "/v1/dead-letters/2/replay"))[0] == 409
    assert (await gateway.ask("POST", "/v1/dead-letters/3/replay"))[0] == 404


async def test_erasure_names_the_lead_and_its_aliases_and_no_address(gateway):
    async with gateway.database.begin() as tx:
        await tx.execute(
            insert(lead_aliases), [{"alias_id": DANA, "lead_id": "L"}, {"alias_id": "A", "lead_id": "L"}]
        )
    status, receipt, _ = await gateway.ask("DELETE", "/v1/people?email=Dana%2Bx@Ledgerlane.example")
    (record,) = await gateway.records("people.erased.v1", 1)
    assert status == 202
    assert receipt["lead_ids"] == ["L", DANA, "A"]
    assert b"dana" not in record.value.lower()
    assert msgspec.json.decode(record.value)["lead_ids"] == receipt["lead_ids"]
    assert (await gateway.ask("DELETE", "/v1/people"))[0] == 422
    status, held, _ = await gateway.ask("GET", "/v1/people/export?email=dana@ledgerlane.example")
    assert (status, held["leads"], held["timeline"]) == (200, [], [])


async def test_the_pages_of_the_operator_need_no_key(gateway):
    for path in ("/", "/livez", "/readyz"):
        async with gateway.http.get(path, headers={"Authorization": ""}) as response:
            assert response.status == 200
    async with gateway.http.get("/metrics") as response:
        assert (
            'baton_http_requests_total{method="GET",route="/livez",status="200"} 1.0' in await response.text()
        )
    assert (await gateway.ask("HEAD", "/livez"))[0] == 200


async def test_requests_in_hand_are_finished_when_it_stops(start_gateway):
    """A server that asks for the body (`100 Continue`) has the request in hand."""
    gateway = await start_gateway()
    await gateway.apply_policy()
    in_hand, is_stopping = asyncio.Semaphore(0), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        in_hand.release()
        await is_stopping.wait()
        yield LEAD

    def post() -> Coroutine[Any, Any, Any]:
        return gateway.ask("POST", "/v1/leads", data=body(), headers=JSON, expect100=True)

    requests = [asyncio.create_task(post()) for _ in range(20)]
    for _ in requests:
        await in_hand.acquire()
    stopped = asyncio.create_task(gateway.server.stop())
    is_stopping.set()
    assert {status for status, _, _ in await asyncio.gather(*requests)} == {202}
    await stopped

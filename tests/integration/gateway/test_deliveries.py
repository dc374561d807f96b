"""Deliveries over HTTP, with a router that delivers: trials, retries, replays, new secrets, queues."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from services.router import bootstrap
from services.router.domain.delivery import DELIVERY_ROLE, DeliveryRow
from shared.settings import RouterSettings, load
from shared.worker.rows import TombstoneRow
from tests.integration.test_cli import baton

LOOPBACK = "127.0.0.0/8"
BODY = b'{"type":"lead.routed","timestamp":"2026-03-01T09:00:00Z","data":{}}'
GIVE_UP_S = 600


@pytest.fixture
async def delivering(gateway):
    """The delivering half of a router, in the same process."""
    stop = asyncio.Event()
    settings = load(RouterSettings, {"BATON_SECRET_KEY": "the secret key", "BATON_EGRESS_ALLOW": LOOPBACK})
    task = asyncio.create_task(bootstrap.run(gateway.resources, stop, settings, only="deliver"))
    yield
    stop.set()
    async with asyncio.timeout(GIVE_UP_S):
        await task


@pytest.fixture
async def path(gateway, receiver):
    wanted = {"url": receiver.url, "events": ["lead.*"]}
    _, made, _ = await gateway.ask("POST", "/v1/subscriptions", json=wanted)
    receiver.secret = made["secret"]
    return f"/v1/subscriptions/{made['id']}"


def failed(gateway, subscription: str, number: int = 0, **given) -> DeliveryRow:
    """Return a delivery of so many hours ago, that was given up."""
    at = gateway.resources.clock.now() - timedelta(hours=number)
    row = {
        "id": f"d{number}", "subscription_id": subscription, "event_id": "e", "event_type": "baton.lead.routed.v1",
        "lead_id": "l", "url": "http://127.0.0.1:9/", "state": "failed", "attempts": 12, "next_attempt_at": None,
        "last_status": 503, "last_error": "answered 503", "created_at": at, "delivered_at": None, "body": BODY,
    }  # fmt: skip
    return DeliveryRow(**{**row, **given})


@pytest.mark.usefixtures("delivering")
async def test_a_test_event_answers_with_its_delivery(gateway, receiver, path):
    status, answer, _ = await gateway.ask("POST", f"{path}/test")
    assert (status, answer["state"], answer["attempts"], answer["failures"]) == (200, "delivered", 1, [])
    assert [(one.type, one.webhook_id) for one in receiver.deliveries] == [
        ("webhook.test", answer["event_id"])
    ]
    receiver.status = 500
    status, answer, _ = await gateway.ask("POST", f"{path}/test")
    assert (status, answer["state"], answer["last_status"]) == (200, "pending", 500)
    assert [item["status"] for item in answer["failures"]] == [500]
    found = (await gateway.ask("GET", f"/v1/deliveries/{answer['id']}"))[1]
    assert {name: found[name] for name in answer} == answer


@pytest.mark.usefixtures("delivering")
async def test_one_delivery_is_sent_again(gateway, receiver, path):
    await gateway.store(failed(gateway, path.rpartition("/")[2]))
    status, answer, _ = await gateway.ask("POST", "/v1/deliveries/d0/retry")
    assert (status, answer["state"], answer["last_error"]) == (200, "delivered", None)
    assert [one.webhook_id for one in receiver.deliveries] == ["e"]


@pytest.mark.usefixtures("delivering")
async def test_all_deliveries_of_a_time_are_sent_again(gateway, receiver, path):
    own = path.rpartition("/")[2]
    rows = [
        failed(gateway, own, n, event_id=f"e{n}", state=("failed", "gone", "delivered")[n]) for n in range(3)
    ]
    await gateway.store(*rows, failed(gateway, "another", 3))
    since = (rows[2].created_at - timedelta(minutes=1)).isoformat()
    status, answer, _ = await gateway.ask(
        "POST", f"{path}/replay", json={"since": since, "failed_only": True}
    )
    assert (status, answer["deliveries"]) == (202, 2)
    async with asyncio.timeout(GIVE_UP_S):
        while len(receiver.deliveries) < 2:
            await asyncio.sleep(0.05)
    assert {one.webhook_id for one in receiver.deliveries} == {"e0", "e1"}
    until = rows[2].created_at.isoformat()
    _, none, _ = await gateway.ask("POST", f"{path}/replay", json={"since": since, "until": until})
    assert none["deliveries"] == 0


async def test_deliveries_about_an_erased_person_are_not_replayed(gateway, path):
    own, hashed = path.rpartition("/")[2], gateway.resources.keyed_hash("l")
    erased = TombstoneRow(hashed, DELIVERY_ROLE, gateway.resources.clock.now())
    await gateway.store(failed(gateway, own), failed(gateway, own, 1, lead_id=hashed), erased)
    since = (gateway.resources.clock.now() - timedelta(hours=2)).isoformat()
    status, answer, _ = await gateway.ask("POST", f"{path}/replay", json={"since": since})
    assert (status, answer["deliveries"]) == (202, 1)


async def test_without_a_router_the_answer_is_202(gateway, path):
    status, answer, _ = await gateway.ask("POST", f"{path}/test")
    assert (status, answer["status_url"]) == (202, f"/v1/deliveries/{answer['id']}")


async def test_a_delivery_that_cannot_be_sent_is_refused(gateway, path):
    own = path.rpartition("/")[2]
    await gateway.store(failed(gateway, own), failed(gateway, "ended", 1))
    since = "2026-03-01T09:00:00Z"
    for at, body, status in (
        ("/v1/deliveries/none/retry", {}, 404),
        ("/v1/deliveries/d1/retry", {}, 404),
        ("/v1/subscriptions/none/test", {}, 404),
        ("/v1/subscriptions/none/replay", {"since": since}, 404),
        ("/v1/subscriptions/none/rotate-secret", {}, 404),
        (f"{path}/replay", {}, 422),
        (f"{path}/replay", {"since": since, "until": since}, 422),
        (f"{path}/replay", {"since": "0001-01-01T00:00:00+14:00"}, 422),
        (f"{path}/rotate-secret", {"overlap_s": -1}, 422),
    ):
        assert (await gateway.ask("POST", at, json=body))[0] == status, (at, body)
    await gateway.ask("PATCH", path, json={"state": "disabled"})
    for at in ("/v1/deliveries/d0/retry", f"{path}/test", f"{path}/replay"):
        status, problem, _ = await gateway.ask("POST", at, json={"since": since})
        assert (status, problem["type"].rpartition(":")[2]) == (409, "subscription-disabled"), at
    manager = await gateway.key_headers("manager")
    for at in ("/v1/deliveries/d0/retry", f"{path}/test", f"{path}/replay", f"{path}/rotate-secret"):
        assert (await gateway.ask("POST", at, json={}, headers=manager))[0] == 403


@pytest.mark.usefixtures("delivering")
async def test_after_a_rotation_both_secrets_sign(gateway, receiver, path):
    status, answer, _ = await gateway.ask("POST", f"{path}/rotate-secret")
    assert (status, answer["secret"] != receiver.secret) == (200, True)
    before = receiver.secret
    for secret in (before, answer["secret"]):
        receiver.secret = secret
        await gateway.ask("POST", f"{path}/test")
    assert (len(receiver.deliveries), receiver.invalid) == (2, [])
    assert "secret" not in (await gateway.ask("GET", path))[1]
    _, last, _ = await gateway.ask("POST", f"{path}/rotate-secret", json={"overlap_s": 0})
    for secret, taken in ((answer["secret"], 2), (last["secret"], 3)):
        receiver.secret = secret
        await gateway.ask("POST", f"{path}/test")
        assert len(receiver.deliveries) == taken


async def test_deliveries_to_a_queue_are_listed(gateway, receiver):
    assert (await gateway.ask("GET", "/v1/subscriptions/queue:sdr/deliveries"))[0] == 404
    _, present, _ = await gateway.ask("GET", "/v1/policies/active")
    routing = present["files"]["routing.yaml"]
    assert 'url: ""' in routing
    changed = routing.replace('url: "", secret_env: ""', f'url: "{receiver.url}", secret_env: SDR_SECRET', 1)
    await gateway.apply_policy(routing=changed)
    await gateway.store(failed(gateway, "queue:sdr"))
    _, answer, _ = await gateway.ask("GET", "/v1/subscriptions/queue:sdr/deliveries")
    assert [item["id"] for item in answer["data"]] == ["d0"]
    assert (await gateway.ask("POST", "/v1/deliveries/d0/retry"))[0] == 202


async def test_deliveries_to_a_rep_are_listed(gateway, receiver):
    _, present, _ = await gateway.ask("GET", "/v1/policies/active")
    told = f'destination: {{url: "{receiver.url}", secret_env: REP_SECRET}}'
    team = present["files"]["team.yaml"].replace("id: sdr-1,", f"id: sdr-1, {told},")
    await gateway.apply_policy(team=team)
    await gateway.store(failed(gateway, "rep:sdr-1"))
    _, answer, _ = await gateway.ask("GET", "/v1/subscriptions/rep:sdr-1/deliveries")
    assert [item["id"] for item in answer["data"]] == ["d0"]
    for unknown in ("rep:sdr-2", "manager:sdr-1"):
        assert (await gateway.ask("GET", f"/v1/subscriptions/{unknown}/deliveries"))[0] == 404


@pytest.mark.usefixtures("delivering")
async def test_the_commands_of_the_cli_for_deliveries(gateway, receiver, path):
    own = path.rpartition("/")[2]
    code, out, _ = await baton("subscriptions", "test", own, gateway=gateway)
    assert (code, ": delivered at " in out) == (0, True)
    code, out, _ = await baton("subscriptions", "rotate-secret", own, "--at-once", "--json", gateway=gateway)
    assert code == 0
    receiver.secret = json.loads(out)["secret"]
    receiver.status = 503
    await gateway.store(failed(gateway, own, 1))
    code, out, _ = await baton("deliveries", "retry", "d1", gateway=gateway)
    assert (code, out) == (1, "d1: pending, answered 503\n")
    code, out, _ = await baton("deliveries", "show", "d1", gateway=gateway)
    assert (code, "answered 503" in out) == (0, True)
    receiver.status = 204
    since = "2026-03-01T09:00:00Z"
    code, out, _ = await baton("subscriptions", "replay", own, "--since", since, gateway=gateway)
    assert (code, out) == (0, "Deliveries queued again: 1.\n")
    code, out, _ = await baton("deliveries", "list", own, "--json", gateway=gateway)
    assert [item["id"] for item in json.loads(out)][1] == "d1"
    code, out, _ = await baton("subscriptions", "update", own, "--disable", "--event", "*", gateway=gateway)
    assert (code, out) == (0, f"disabled: * to {receiver.url}\n")
    assert (await baton("subscriptions", "update", own, gateway=gateway))[0] == 2
    assert (await baton("subscriptions", "list", gateway=gateway))[0] == 0

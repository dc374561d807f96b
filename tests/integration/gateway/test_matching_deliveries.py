"""Deliveries across endpoints: filters, attempts with answers, and sending all that match again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.router.domain.delivery import DELIVERY_ROLE
from shared.worker.rows import TombstoneRow
from tests.integration.gateway.test_deliveries import GIVE_UP_S, delivering, failed, path

__all__ = ["delivering", "path"]


async def ids(gateway, query: str) -> list[str]:
    status, page, _ = await gateway.ask("GET", f"/v1/deliveries{query}")
    assert status == 200, page
    return [one["id"] for one in page["data"]]


async def test_deliveries_of_all_endpoints_are_filtered(gateway):
    await gateway.apply_policy()
    now = gateway.resources.clock.now()
    await gateway.store(
        failed(gateway, "crm", 1),
        failed(gateway, "crm", 2, state="gone", lead_id="m"),
        failed(gateway, "warehouse", 3, event_type="baton.lead.closed.v1"),
        failed(gateway, "warehouse", 4, state="delivered", delivered_at=now),
        failed(gateway, "warehouse", 5, state="pending", next_attempt_at=now + timedelta(hours=1)),
    )
    hours = lambda number: (now - timedelta(hours=number)).isoformat().replace("+", "%2B")  # noqa: E731
    for query, wanted in (
        ("", ["d1", "d2", "d3", "d4", "d5"]),
        ("?limit=2", ["d1", "d2"]),
        ("?endpoint=crm", ["d1", "d2"]),
        ("?endpoint=crm&endpoint=warehouse&state=delivered", ["d4"]),
        ("?state=failed&state=gone", ["d1", "d2", "d3"]),
        ("?state=gone", ["d2"]),
        ("?state=pending", ["d5"]),
        ("?state=pending&state=failed", ["d1", "d3", "d5"]),
        ("?event=lead.closed", ["d3"]),
        ("?lead=m", ["d2"]),
        (f"?since={hours(3.5)}&until={hours(1.5)}", ["d2", "d3"]),
    ):
        assert await ids(gateway, query) == wanted, query
    _, first, _ = await gateway.ask("GET", "/v1/deliveries?limit=2&state=failed&state=gone")
    assert await ids(gateway, f"?limit=2&state=failed&state=gone&cursor={first['next']}") == ["d3"]
    _, count, _ = await gateway.ask("GET", "/v1/deliveries/count?state=failed&state=gone")
    assert count == {"deliveries": 3, "sendable": 0}  # neither is an endpoint any more
    for query in ("?event=lead.scored", "?state=lost", "?since=yesterday", "?endpoint=%00"):
        assert (await gateway.ask("GET", f"/v1/deliveries{query}"))[0] == 422


@pytest.mark.usefixtures("delivering")
async def test_each_attempt_is_kept_with_status_time_and_answer(gateway, receiver, path):
    receiver.status, receiver.body = 500, b"out of \x00 order " + b"x" * 5_000
    _, sent, _ = await gateway.ask("POST", f"{path}/test")
    receiver.status, receiver.body = 200, b'{"ok":true}'
    _, sent, _ = await gateway.ask("POST", f"/v1/deliveries/{sent['id']}/retry")
    status, shown, _ = await gateway.ask("GET", f"/v1/deliveries/{sent['id']}")
    assert status == 200
    arrived, refused = shown["history"]
    assert (arrived["status"], arrived["error"], arrived["answer"]) == (200, None, '{"ok":true}')
    assert (refused["status"], refused["error"]) == (500, "answered 500")
    assert refused["answer"].startswith("out of \ufffd order xxx")
    assert len(refused["answer"]) == 2_000
    assert all(one["ms"] >= 0 for one in shown["history"])
    _, endpoints, _ = await gateway.ask("GET", "/v1/deliveries/endpoints")
    endpoint = endpoints["data"][0]
    assert (endpoint["attempts"], endpoint["share"], endpoint["last_failure"]) == (2, 0.5, "answered 500")
    assert not endpoint["fails_now"]


@pytest.mark.usefixtures("delivering")
async def test_all_that_match_are_sent_again_with_their_progress(gateway, receiver, path):
    await gateway.apply_policy()
    subscription = path.rpartition("/")[2]
    here = {"url": receiver.url, "event_id": "e"}
    rows = [failed(gateway, subscription, number, **here, lead_id=f"l{number}") for number in range(1, 8)]
    erased = gateway.resources.keyed_hash("somebody")
    rows.append(failed(gateway, subscription, 8, **here, lead_id=erased))
    rows.append(failed(gateway, subscription, 9, **here, state="delivered"))
    rows.append(failed(gateway, "removed", 10, **here))
    await gateway.store(*rows, TombstoneRow(erased, DELIVERY_ROLE, gateway.resources.clock.now()))
    _, count, _ = await gateway.ask("GET", "/v1/deliveries/count?state=failed&state=gone")
    assert count == {"deliveries": 9, "sendable": 7}
    status, retried, _ = await gateway.ask("POST", "/v1/deliveries/retry", json={"endpoint": [subscription]})
    assert (status, retried["deliveries"]) == (202, 7)
    async with asyncio.timeout(GIVE_UP_S):
        while not (progress := (await gateway.ask("GET", retried["status_url"]))[1])["done"]:
            await asyncio.sleep(0.1)
    assert progress == {"id": retried["id"], "pending": 0, "delivered": 7, "given_up": 0, "done": True}
    assert len(receiver.deliveries) == 7
    assert await ids(gateway, "?state=failed") == ["d8", "d10"]
    status, problem, _ = await gateway.ask("POST", "/v1/deliveries/retry", json={"endpoint": ["removed"]})
    assert (status, problem["type"]) == (409, "urn:baton:problem:nothing-to-send")
    assert (await gateway.ask("GET", "/v1/deliveries/retries/none"))[0] == 404

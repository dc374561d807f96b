"""Changing subscriptions, and what was delivered to them, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.router.domain.delivery import DeliveryRow

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
async def path(gateway):
    new = {"url": "http://127.0.0.1:9/", "events": ["lead.routed"], "filter": {"account": "a.example"}}
    _, made, _ = await gateway.ask("POST", "/v1/subscriptions", json=new)
    return f"/v1/subscriptions/{made['id']}"


async def test_a_change_leaves_the_other_fields_of_a_subscription(gateway, path):
    _, before, _ = await gateway.ask("GET", path)
    status, after, _ = await gateway.ask("PATCH", path, json={"state": "disabled", "filter": None})
    assert (status, after) == (200, {**before, "state": "disabled", "filter": None})
    _, after, _ = await gateway.ask("PATCH", path, json={"events": ["lead.*"], "url": "http://127.0.0.1:10/"})
    assert (await gateway.ask("GET", path))[1] == after
    assert (after["events"], after["state"]) == (["lead.*"], "disabled")
    bad: list[Any] = [{"events": ["x"]}, {"url": "http://10.0.0.1/"}, {"state": "off"}, {"secret": "s"}, []]
    for body in bad:
        assert (await gateway.ask("PATCH", path, json=body))[0] == 422, body
    assert (await gateway.ask("GET", path))[1] == after
    assert (await gateway.ask("PATCH", "/v1/subscriptions/none", json={}))[0] == 404


async def test_deliveries_are_listed(gateway, path):
    own = path.rpartition("/")[2]
    await gateway.store(
        *(
            DeliveryRow(
                id=f"d{n}",
                subscription_id="another" if n == 2 else own,
                event_id="e",
                event_type="baton.lead.routed.v1",
                lead_id="l",
                url="http://127.0.0.1:9/",
                state="pending",
                attempts=n,
                next_attempt_at=AT,
                last_status=503,
                last_error=None,
                created_at=AT + timedelta(seconds=n),
                delivered_at=None,
                body=b"{}",
            )
            for n in range(3)
        ),
    )
    _, first, _ = await gateway.ask("GET", f"{path}/deliveries?limit=1")
    _, rest, _ = await gateway.ask("GET", f"{path}/deliveries?cursor={first['next']}")
    assert [item["id"] for item in (*first["data"], *rest["data"])] == ["d1", "d0"]
    assert (first["data"][0]["last_status"], "body" in first["data"][0]) == (503, False)
    assert (await gateway.ask("GET", "/v1/subscriptions/none/deliveries"))[0] == 404
    manager = await gateway.key_headers("manager")
    assert (await gateway.ask("GET", f"{path}/deliveries", headers=manager))[0] == 403
    assert (await gateway.ask("PATCH", path, json={}, headers=manager))[0] == 403

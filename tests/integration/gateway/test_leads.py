"""The list of leads shows the same status of each lead as its view."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from services.ledger.tables import dead_letters, events, lead_views
from tests.support.gateway import RunningGateway

STAGES = ("enriched", "scored", "routed", "owned")


async def _lead(
    gateway: RunningGateway, name: str, status: str, *, letter: bool, replayed: bool = False
) -> None:
    """Record a lead whose latest event is that of its status, and perhaps that event's dead letter."""
    at, event_id = gateway.resources.clock.now(), f"{name}-{status}"
    view: dict[str, Any] = {
        "lead_id": name, "account": "a.example", "status": status, "revision": 1, "first_at": at,
        **{f"{stage}_sequence": 1 for stage in STAGES}, **{f"{stage}_revision": 1 for stage in STAGES[:3]},
        f"{status}_id": event_id,
    }  # fmt: skip
    event = {
        "id": event_id, "source": "/baton", "type": f"baton.lead.{status}.v1", "subject": name,
        "partition_key": "a.example", "at": at, "recorded_at": at, "causation_id": "", "data": "{}",
    }  # fmt: skip
    set_aside = {
        "id": f"letter-{name}", "topic": f"leads.{status}.v1", "partition": 0, "offset": 1, "headers": [],
        "stage": "router", "kind": "json", "message": "no", "event_id": event_id, "event_type": event["type"],
        "subject": name, "at": at, "replayed_at": at if replayed else None,
    }  # fmt: skip
    async with gateway.database.begin() as tx:
        await tx.execute(insert(lead_views), view)
        await tx.execute(insert(events), event)
        if letter:
            await tx.execute(insert(dead_letters), set_aside)


async def test_a_lead_that_is_stuck_is_listed_as_such_until_it_is_sent_through_again(gateway):
    await _lead(gateway, "fine", "scored", letter=False)
    await _lead(gateway, "stuck", "scored", letter=True)
    await _lead(gateway, "again", "enriched", letter=True, replayed=True)
    await _lead(gateway, "done", "routed", letter=True)
    _, listed, _ = await gateway.ask("GET", "/v1/leads")
    shown = {lead["lead_id"]: lead["status"] for lead in listed["data"]}
    assert shown == {"fine": "scored", "stuck": "dead_lettered", "again": "enriched", "done": "routed"}
    for name, status in shown.items():
        assert (await gateway.ask("GET", f"/v1/leads/{name}"))[1]["status"] == status
        _, those, _ = await gateway.ask("GET", f"/v1/leads?status={status}")
        assert [lead["lead_id"] for lead in those["data"]] == [name]

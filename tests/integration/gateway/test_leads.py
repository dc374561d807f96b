"""Lists of leads: the status of each lead as in its view; inboxes by the key that asks."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

from sqlalchemy import insert

from services.ledger.domain.rows import LeadNameRow
from services.ledger.tables import dead_letters, events, lead_views
from services.router.tables import assignments, routed_leads
from services.scorer.domain.state import AccountRow
from tests.support.gateway import RunningGateway
from tests.support.stored_leads import NOW, assignment, lead_id, routed_lead, view

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


async def test_an_inbox_is_that_of_the_key_unless_it_asks_for_another(gateway):
    await gateway.apply_policy()
    async with gateway.database.begin() as tx:
        await tx.execute(insert(lead_views), [view(number, queue="sdr") for number in range(1, 5)])
        owned = [assignment(number, queue="sdr", accepted_at=None, rep=f"sdr-{number}") for number in (1, 2)]
        await tx.execute(insert(assignments), owned)
        waiting = [
            routed_lead(number, queue=queue, waiting_since=NOW) for number, queue in ((3, "sdr"), (4, "bdr"))
        ]
        await tx.execute(insert(routed_leads), waiting)
    rep = await gateway.key_headers("rep", rep="sdr-1")

    async def inbox(query: str = "", **more: Any) -> set[int]:
        status, page, _ = await gateway.ask("GET", f"/v1/inbox?{query}", **more)
        assert (status, page["next"]) == (200, None)
        return {int(row["lead_id"][:8]) for row in page["data"]}

    assert await inbox("tab=all", headers=rep) == {1, 3}
    assert await inbox("tab=all&owner=", headers=rep) == await inbox("tab=all") == {1, 2, 3, 4}
    assert await inbox("owner=sdr-2", headers=rep) == {2}
    assert await inbox("text=ana2 RUIZ") == {2}
    assert await inbox("tab=waiting&queue=bdr") == {4}
    assert await inbox("tab=all&owner=gone") == set()
    _, page, _ = await gateway.ask("GET", "/v1/inbox?tab=all&limit=3")
    _, rest, _ = await gateway.ask("GET", f"/v1/inbox?tab=all&limit=3&cursor={page['next']}")
    shown = [row["lead_id"] for row in (*page["data"], *rest["data"])]
    assert [*map(lead_id, (2, 1))] == shown[:2]
    assert {*map(lead_id, (3, 4))} == {*shown[2:]}
    for query in ("tab=late", "queue=%00", "text=" + "x" * 101):
        assert (await gateway.ask("GET", f"/v1/inbox?{query}"))[0] == 422


async def test_the_list_is_had_as_csv_with_the_same_filters(gateway):
    async with gateway.database.begin() as tx:
        named = [view(1, name="=cmd|' /C calc'!A0", rule="fits"), view(2, rule="nurture")]
        await tx.execute(insert(lead_views), named)
    status, raw, headers = await gateway.ask("GET", "/v1/leads.csv?rule=fits")
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    [row] = csv.DictReader(StringIO(raw.decode()))
    assert (row["lead_id"], row["name"], row["rule"]) == (lead_id(1), "'=cmd|' /C calc'!A0", "fits")
    _, listed, _ = await gateway.ask("GET", "/v1/leads?rule=nurture&grade=A3&band=sql&source=linkedin")
    assert [lead["lead_id"] for lead in listed["data"]] == [lead_id(2)]
    since = NOW.isoformat().replace("+", "%2B")
    assert (await gateway.ask("GET", f"/v1/leads?since={since}"))[1]["data"] == []
    for query in ("band=hot", "since=yesterday", "since=2026-03-02T09:00:00", "rule=%00"):
        assert (await gateway.ask("GET", f"/v1/leads?{query}"))[0] == 422


async def test_a_search_finds_leads_accounts_and_reps(gateway):
    await gateway.apply_policy()
    await gateway.store(LeadNameRow("ana1", lead_id(1)), AccountRow("company0.example", leads=1))
    async with gateway.database.begin() as tx:
        await tx.execute(insert(lead_views), [view(1)])
    _, found, _ = await gateway.ask("GET", "/v1/search?q=%20ANA1%20")
    assert [lead["email"] for lead in found["leads"]] == ["person1@company0.example"]
    _, found, _ = await gateway.ask("GET", "/v1/search?q=company0")
    assert [account["account"] for account in found["accounts"]] == ["company0.example"]
    _, found, _ = await gateway.ask("GET", "/v1/search?q=sdr-&limit=2")
    assert [rep["id"] for rep in found["reps"]] == ["sdr-1", "sdr-2"]
    _, found, _ = await gateway.ask("GET", "/v1/search?q=%20")
    assert found == {"leads": [], "accounts": [], "reps": []}
    assert (await gateway.ask("GET", "/v1/search?q=%00"))[0] == 422

"""The audit trail over HTTP: each change leaves one entry, or none when it failed, and is not made without."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from sqlalchemy import text

from services.gateway import polling
from services.gateway.domain.audit import ERASED
from services.gateway.domain.rejected import RejectedSubmission
from services.ledger.domain.rows import DeadLetterRow, EventRow, ViewRow
from services.router.domain.delivery import DeliveryRow
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from shared.lead.ids import lead_id_of
from tests.support.gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
ANA = lead_id_of("email:ana@kestrel.example")
SCORED = EventRow("s", "/s", "baton.lead.scored.v1", ANA, "k", AT, AT, "", 1, 1, '{"score": {"total": 1}}')
LEAD = (
    SCORED,
    ViewRow(
        ANA, "kestrel.example", "ana@kestrel.example", "routed", "sdr", "sdr-1", 1, AT, scored_id=SCORED.id
    ),
    RoutedLeadRow(ANA, "kestrel.example", 1, 1, 1, "routed", "sdr", "work", "fits", False),
    AssignmentRow("2", ANA, "kestrel.example", "sdr", "sdr-1", "open", 1, AT, AT + timedelta(hours=4)),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lead(shared_gateway: RunningGateway) -> str:
    """A lead that Ana owns."""
    await shared_gateway.store(*LEAD)
    return ANA


@pytest.fixture
def gateway(shared_gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> RunningGateway:
    """A gateway that waits for no decision of the router: there is none."""
    monkeypatch.setattr(polling, "WAIT_S", 0.0)
    return shared_gateway


async def entries(gateway: RunningGateway, **wanted: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={quote(value)}" for name, value in wanted.items())
    status, page, _ = await gateway.ask("GET", f"/v1/audit?{query}")
    assert status == 200, page
    return list(page["data"])


async def newest(gateway: RunningGateway, kind: str) -> dict[str, Any]:
    return (await entries(gateway, kind=kind, limit="1"))[0]


async def test_a_key_is_made_and_revoked_by_somebody_somewhere(gateway):
    manager = await gateway.key_headers("admin", rep="sdr-2")
    created = await newest(gateway, "api_key.created")
    assert created["name"] == "admin"
    assert created["address"] == "127.0.0.1"
    assert created["details"] == {"name": "test", "scopes": ["admin"], "rep": "sdr-2"}
    path = f"/v1/api-keys/{created['subject']}"
    assert (await gateway.ask("DELETE", path, headers=manager))[0] == 204
    revoked = await newest(gateway, "api_key.revoked")
    assert (revoked["subject"], revoked["key_id"], revoked["rep"]) == (
        created["subject"],
        created["subject"],
        "sdr-2",
    )
    assert (await gateway.ask("DELETE", path))[0] == 404
    assert await newest(gateway, "api_key.revoked") == revoked


async def test_each_change_of_a_subscription_is_recorded_without_its_secret(gateway):
    wanted: dict[str, Any] = {"url": "http://127.0.0.1:9/hook?token=s3cret", "events": ["lead.*"]}
    _, made, _ = await gateway.ask("POST", "/v1/subscriptions", json=wanted)
    path = f"/v1/subscriptions/{made['id']}"
    since = (AT.isoformat()).replace("+00:00", "Z")
    now = gateway.resources.clock.now()
    delivery = DeliveryRow(
        id=f"d:{made['id']}",
        subscription_id=made["id"],
        event_id="e",
        event_type="lead.routed",
        lead_id=ANA,
        url=wanted["url"],
        state="failed",
        attempts=1,
        next_attempt_at=None,
        last_status=500,
        last_error="server error",
        created_at=now,
        delivered_at=None,
        body=b"{}",
    )
    await gateway.store(delivery)
    await gateway.ask("PATCH", path, json={"events": ["lead.routed"]})
    await gateway.ask("POST", f"{path}/rotate-secret")
    await gateway.ask("POST", f"{path}/replay", json={"since": since})
    await gateway.ask("POST", f"{path}/test")
    await gateway.ask("POST", f"/v1/deliveries/{delivery.id}/retry")
    await gateway.ask("DELETE", path)
    found = await entries(gateway, subject=made["id"])
    assert [entry["kind"].removeprefix("subscription.") for entry in reversed(found)] == [
        "created",
        "changed",
        "secret_rotated",
        "replayed",
        "tested",
        "deleted",
    ]
    assert found[-1]["details"] == {"host": "127.0.0.1", "events": ["lead.*"]}
    assert found[-2]["details"] == {"host": "127.0.0.1", "state": "active", "changed": ["events"]}
    assert (await newest(gateway, "delivery.retried"))["subject"] == delivery.id
    assert "s3cret" not in json.dumps(found)
    assert made["secret"] not in json.dumps(found)


async def test_what_reps_and_managers_do_is_recorded(gateway, lead):
    own = await gateway.key_headers("rep", rep="sdr-1")
    await gateway.ask("PATCH", "/v1/reps/sdr-1", json={"available": False}, headers=own)
    changed = await newest(gateway, "rep.changed")
    assert (changed["subject"], changed["rep"], changed["details"]) == (
        "sdr-1",
        "sdr-1",
        {"available": False},
    )
    later = {"until": "2999-01-01T00:00:00Z", "reason": "call back ana@kestrel.example"}
    actions = {
        "accept": {},
        "snooze": later,
        "reassign": {"to": "bdr-1"},
        "reject": {},
        "handoff": {"to": "ae-1"},
    }
    for verb, body in actions.items():
        status, answer, _ = await gateway.ask("POST", f"/v1/leads/{lead}/{verb}", json=body)
        assert status == 202, answer
    await gateway.ask("POST", f"/v1/leads/{lead}/account", json={"account": "tern.example"})
    await gateway.ask("DELETE", f"/v1/leads/{lead}/account")
    await gateway.ask("PUT", "/v1/accounts/kestrel.example", json={"relation": "target"})
    await gateway.ask("POST", "/v1/accounts", json=[{"domain": "a.example"}, {"domain": "b.example"}])
    found = await entries(gateway, subject=lead)
    assert [entry["kind"].removeprefix("lead.") for entry in reversed(found)] == [
        "accepted",
        "snoozed",
        "reassigned",
        "rejected",
        "handed_off",
        "account_chosen",
        "account_chosen",
    ]
    published = {event.id for event in await gateway.events("actions.received.v1", 5)}
    assert {entry["details"]["event_id"] for entry in found[2:]} == published
    assert "ana@" not in json.dumps(found)
    assert (await newest(gateway, "account.changed"))["subject"] == "kestrel.example"
    assert (await newest(gateway, "accounts.imported"))["details"] == {"events": 2}


async def test_a_repeated_action_is_recorded_once(gateway, lead):
    before = len(await entries(gateway, kind="lead.accepted"))
    for _ in range(2):
        await gateway.ask("POST", f"/v1/leads/{lead}/accept", headers={"Idempotency-Key": "once"})
    assert len(await entries(gateway, kind="lead.accepted")) == before + 1


async def test_what_operators_do_is_recorded(gateway):
    letter = DeadLetterRow(
        "letter", "leads.scored.v1", 0, 0, b"k", b"{}", [], "router", "data", "m", "e", "t", "s", AT
    )
    now = gateway.resources.clock.now()
    rejected = RejectedSubmission("r1", "website", now, 422, "c", "d", "text/plain", "", 1, b"x", None)
    await gateway.store(letter, rejected)
    await gateway.ask("POST", "/v1/dead-letters/letter/replay")
    assert (await newest(gateway, "dead_letter.replayed"))["subject"] == "letter"
    await gateway.ask("POST", "/v1/sources/website/replay")
    assert (await newest(gateway, "source.replayed"))["details"] == {"submissions": 1}
    _, started, _ = await gateway.ask("POST", "/v1/policies/active/backtest", json={})
    await gateway.ask("DELETE", f"/v1/backtests/{started['id']}")
    kinds = {entry["kind"] for entry in await entries(gateway, subject=started["id"])}
    assert kinds == {"backtest.started", "backtest.deleted"}


async def test_a_policy_is_recorded_with_the_one_before_and_only_when_it_is_another(gateway):
    _, shown, _ = await gateway.ask("GET", "/v1/policies/active")
    files = {**shown["files"], "icp.yaml": shown["files"]["icp.yaml"] + "\n# for the audit\n"}
    for _ in range(2):
        status, applied, _ = await gateway.ask("POST", "/v1/policies", json={"files": files})
        assert status == 201, applied
    (entry,) = await entries(gateway, kind="policy.applied")
    assert (entry["subject"], entry["details"]) == (applied["version"], {"previous": shown["version"]})


async def test_no_change_is_made_without_its_entry(gateway):
    key = await gateway.key_headers("read")
    created = await newest(gateway, "api_key.created")
    async with gateway.database.begin() as tx:
        await tx.execute(
            text(
                "CREATE TRIGGER conflict BEFORE INSERT ON audit BEGIN INSERT INTO api_keys SELECT * FROM api_keys; END"
            )
        )
    try:
        refused, _, _ = await gateway.ask("DELETE", f"/v1/api-keys/{created['subject']}")
        published, _, _ = await gateway.ask("DELETE", "/v1/people?email=unheard@a.example")
    finally:
        async with gateway.database.begin() as tx:
            await tx.execute(text("DROP TRIGGER conflict"))
    assert (refused, published) == (503, 503)
    assert (await gateway.ask("GET", "/v1/me", headers=key))[0] == 200
    _, heard, _ = await gateway.ask("DELETE", "/v1/people?email=heard@a.example")
    (event,) = await gateway.events("people.erased.v1", 1)
    assert event.id == heard["receipt_id"]


async def test_an_erased_person_is_in_no_entry(gateway, lead):
    await gateway.ask("GET", "/v1/people/export?email=ana@kestrel.example")
    assert (await newest(gateway, "person.exported"))["subject"] == lead
    await gateway.ask("POST", "/v1/api-keys", json={"name": "for Ana+x@Kestrel.example", "scopes": ["admin"]})
    # Who asks for the data of a person gets what was done with it, too, and nothing about others.
    await gateway.ask("POST", "/v1/api-keys", json={"name": "for bo@rookery.example", "scopes": ["admin"]})
    _, export, _ = await gateway.ask("GET", "/v1/people/export?email=ana@kestrel.example")
    told = [(entry["kind"], entry["subject"] == lead) for entry in export["audit"]]
    assert sorted(told)[:1] == [("api_key.created", False)]
    assert [kind for kind, _ in told].count("person.exported") == 2
    assert [kind for kind, _ in told].count("api_key.created") == 1
    _, receipt, _ = await gateway.ask("DELETE", "/v1/people?email=ana@kestrel.example")
    erased = await newest(gateway, "person.erased")
    assert (erased["subject"], erased["details"]) == (receipt["receipt_id"], {"leads": 1})
    assert await entries(gateway, subject=lead) == []
    everything = json.dumps(await entries(gateway, limit="200")).casefold()
    assert lead not in everything
    assert "kestrel.example" not in everything.replace('"subject": "kestrel.example"', "")
    assert (await newest(gateway, "person.exported"))["subject"] == ERASED


async def test_it_is_filtered_and_paged(gateway):
    for name in ("one", "two", "three"):
        await gateway.ask("POST", "/v1/api-keys", json={"name": name, "scopes": ["read"]})
    _, first, _ = await gateway.ask("GET", "/v1/audit?kind=api_key.created&limit=2")
    cursor = first["next"]
    _, second, _ = await gateway.ask("GET", f"/v1/audit?kind=api_key.created&limit=1&cursor={cursor}")
    assert [entry["details"]["name"] for entry in first["data"] + second["data"]] == ["three", "two", "one"]
    at = quote(first["data"][0]["at"])
    assert await entries(gateway, since=first["data"][0]["at"]) == first["data"][:1]
    assert (await gateway.ask("GET", f"/v1/audit?until={at}"))[1]["data"][0] == first["data"][1]
    assert await entries(gateway, key_id="nobody") == []
    assert await entries(gateway, rep="nobody") == []
    assert (await gateway.ask("GET", "/v1/audit?kind=no.such"))[0] == 422
    reader = await gateway.key_headers("manager")
    for path in ("/v1/audit", "/v1/audit/export"):
        assert (await gateway.ask("GET", path, headers=reader))[0] == 403


async def test_it_is_exported_and_no_cell_is_a_formula(gateway):
    await gateway.ask("POST", "/v1/api-keys", json={"name": "=cmd()", "scopes": ["admin"]})
    _, made, _ = await gateway.ask("POST", "/v1/api-keys", json={"name": "=cmd()", "scopes": ["admin"]})
    own = {"Authorization": f"Bearer {made['key']}"}
    status, lines, headers = await gateway.ask("GET", "/v1/audit/export", headers=own)
    rows = list(csv.DictReader(io.StringIO(lines.decode())))
    assert (status, headers["content-disposition"]) == (200, 'attachment; filename="audit.csv"')
    assert (rows[0]["kind"], rows[0]["name"]) == ("audit.exported", "'=cmd()")
    assert json.loads(rows[1]["details"])["name"] == "=cmd()"
    async with gateway.http.get("/v1/audit/export?format=ndjson&kind=api_key.created") as response:
        exported = [json.loads(line) async for line in response.content]
    assert exported == await entries(gateway, kind="api_key.created", limit="200")

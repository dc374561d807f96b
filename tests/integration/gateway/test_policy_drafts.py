"""Drafts of the policy: one for each key, stored as they are, tried and tested before they are applied."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.policy.load import texts_in

FILES = texts_in(Path("config"))
STRICTER = FILES["routing.yaml"].replace("gte: 80", "gte: 60")
TO_BDR = FILES["routing.yaml"].replace(
    "{use: high_intent}, queue: senior-ae", "{use: high_intent}, queue: bdr"
)
LEAD = {
    "person": {"email": "ana@kestrel.example", "title": "VP Finance"},
    "company": {"domain": "kestrel.example", "employees": 420, "industry": "software", "country": "US"},
    "activities": [{"type": "demo_request", "at": datetime.now(UTC).isoformat()}],
}
DRAFT = "/v1/policies/draft"


@pytest.fixture
async def gateway(start_gateway):
    """A gateway with the default policy."""
    started = await start_gateway()
    await started.apply_policy()
    return started


async def test_each_key_has_one_draft_which_may_have_errors(gateway):
    ana, bo = await gateway.key_headers("manager"), await gateway.key_headers("manager")
    assert (await gateway.ask("GET", DRAFT, headers=ana))[0] == 404
    wrong = {"files": {"routing.yaml": "rules: ["}}
    status, draft, _ = await gateway.ask("PUT", DRAFT, headers=ana, json=wrong)
    assert (status, draft["outdated"]) == (200, False)
    assert draft["files"] == {**FILES, "routing.yaml": "rules: ["}
    _, active, _ = await gateway.ask("GET", "/v1/policies/active")
    assert draft["base"] == {"version": active["version"], "activation": active["activation"]}
    _, stored, _ = await gateway.ask("GET", DRAFT, headers=ana)
    assert stored == draft
    assert (await gateway.ask("GET", DRAFT, headers=bo))[0] == 404
    _, compared, _ = await gateway.ask("GET", "/v1/policies/compare", headers=ana)
    assert (compared["after"], compared["changes"]) == ("", [])
    assert [file["file"] for file in compared["files"]] == ["routing.yaml"]
    assert (await gateway.ask("DELETE", DRAFT, headers=ana))[0] == 204
    assert (await gateway.ask("GET", DRAFT, headers=ana))[0] == 404
    assert (await gateway.ask("DELETE", DRAFT, headers=ana))[0] == 204


async def test_only_managers_have_drafts_of_policy_files(gateway):
    rep = await gateway.key_headers("rep", rep="sdr-1")
    for method in ("GET", "PUT", "DELETE"):
        body: dict[str, Any] = {"json": {"files": {}}} if method == "PUT" else {}
        assert (await gateway.ask(method, DRAFT, headers=rep, **body))[0] == 403
    manager = await gateway.key_headers("manager")
    status, problem, _ = await gateway.ask("PUT", DRAFT, headers=manager, json={"files": {"a.yaml": ""}})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/files/a.yaml")
    unknown = {"files": {}, "base": {"version": "0" * 64, "activation": 1}}
    assert (await gateway.ask("PUT", DRAFT, headers=manager, json=unknown))[0] == 404


async def test_a_draft_is_tried_and_tested_by_its_holder(gateway):
    manager = await gateway.key_headers("manager")
    tried = {"lead": LEAD, "version": "draft"}
    assert (await gateway.ask("POST", "/v1/policies/try", headers=manager, json=tried))[0] == 404
    await gateway.ask("PUT", DRAFT, headers=manager, json={"files": {"routing.yaml": TO_BDR}})
    status, found, _ = await gateway.ask("POST", "/v1/policies/try", headers=manager, json=tried)
    assert (status, found["explanation"]["decision"]["queue"]) == (200, "bdr")
    status, accepted, _ = await gateway.ask("POST", "/v1/policies/draft/backtest", headers=manager, json={})
    assert status == 202, accepted
    _, waiting, _ = await gateway.ask("GET", accepted["status_url"], headers=manager)
    _, active, _ = await gateway.ask("GET", "/v1/policies/active")
    assert waiting["state"] == "queued"
    assert waiting["candidate"] != active["version"]
    await gateway.ask("PUT", DRAFT, headers=manager, json={"files": {"routing.yaml": "rules: ["}})
    for path, body in (("/v1/policies/try", tried), ("/v1/policies/draft/backtest", {})):
        status, problem, _ = await gateway.ask("POST", path, headers=manager, json=body)
        assert status == 422
        assert problem["problems"][0]["file"] == "routing.yaml"


async def test_an_applied_draft_is_done_with_and_an_outdated_one_says_so(gateway):
    draft = (await gateway.ask("PUT", DRAFT, json={"files": {"routing.yaml": STRICTER}}))[1]
    manager = await gateway.key_headers("manager")
    other = {"files": {"routing.yaml": TO_BDR}}
    await gateway.ask("PUT", DRAFT, headers=manager, json=other)
    body = {"files": draft["files"], "base": draft["base"], "note": "stricter"}
    assert (await gateway.ask("POST", "/v1/policies", headers=manager, json=body))[0] == 403
    status, applied, _ = await gateway.ask("POST", "/v1/policies", json=body)
    assert status == 201
    assert (await gateway.ask("GET", DRAFT))[0] == 404
    _, outdated, _ = await gateway.ask("GET", DRAFT, headers=manager)
    assert outdated["outdated"]
    # What is saved afterwards still began from the older version, until its holder says otherwise.
    _, outdated, _ = await gateway.ask("PUT", DRAFT, headers=manager, json=other)
    assert outdated["outdated"]
    base = {"version": applied["version"], "activation": applied["activation"]}
    _, renewed, _ = await gateway.ask("PUT", DRAFT, headers=manager, json={**other, "base": base})
    assert not renewed["outdated"]

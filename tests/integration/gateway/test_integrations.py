"""Providers and sources over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from services.enricher.tables import provider_spend, provider_states
from shared.policy.versions import seed_policy
from tests.support.fixed_clock import FixedClock

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.fixture
async def gateway(start_gateway):
    running = await start_gateway(FixedClock(AT))
    await seed_policy(running.resources.database, Path("config"), running.resources.clock.now())
    return running


async def test_providers_are_listed_with_what_they_cost(gateway):
    rows = [
        {"day": day, "provider": "peopledatalabs", "calls": 5, "matches": 3, "cents": 30}
        | {"answers": 4, "unchanged": 1, "field_cents": {"company.employees": 20, "person.title": 10}}
        for day in ("2026-03-10", "2026-03-09", "2025-12-01")
    ]
    async with gateway.database.begin() as tx:
        await tx.execute(insert(provider_spend), rows)
    _, answer, _ = await gateway.ask("GET", "/v1/providers")
    by_name = {item["name"]: item for item in answer["data"]}
    pdl = by_name["peopledatalabs"]
    assert (pdl["calls"], pdl["answers"], pdl["matches"], pdl["hit_rate"]) == (10, 8, 6, 0.75)
    assert (pdl["unchanged"], pdl["unchanged_share"]) == (2, 0.25)
    assert (pdl["cost"], pdl["cost_today"], pdl["answers_kept"]) == (60, 30, 0)
    assert pdl["cost_by_field"] == {"company.employees": 40, "person.title": 20}
    assert (pdl["state"], pdl["since"]) == ("unknown", None)
    assert "company.employees" in pdl["fields"]
    _, today, _ = await gateway.ask("GET", "/v1/providers?days=1")
    assert {item["name"]: item["calls"] for item in today["data"]}["peopledatalabs"] == 5
    hunter = by_name["hunter"]
    assert (hunter["calls"], hunter["hit_rate"], hunter["unchanged_share"]) == (0, None, None)


async def test_the_state_of_a_provider_is_the_one_that_the_enricher_reported(gateway):
    reason = "its API key is refused (status 401)"
    row = {"provider": "apollo", "state": "paused", "reason": reason, "since": AT}
    async with gateway.database.begin() as tx:
        await tx.execute(insert(provider_states), [row])
    _, answer, _ = await gateway.ask("GET", "/v1/providers")
    [apollo] = [item for item in answer["data"] if item["name"] == "apollo"]
    assert (apollo["state"], apollo["reason"], apollo["since"]) == ("paused", reason, "2026-03-10T09:00:00Z")


async def test_sources_are_listed(gateway):
    _, answer, _ = await gateway.ask("GET", "/v1/sources")
    website = next(item for item in answer["data"] if item["name"] == "website")
    assert (website["url"], website["public"]) == ("/hooks/forms/website", True)


async def test_invalid_queries_and_keys_are_refused(gateway):
    for days in ("0", "367", "x", "1.5", ""):
        assert (await gateway.ask("GET", f"/v1/providers?days={days}"))[0] == 422
    rep = await gateway.key_headers("rep", rep="sdr-1")
    for path in ("/v1/providers", "/v1/sources"):
        assert (await gateway.ask("GET", path, headers=rep))[0] == 403

"""Providers and sources over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from services.enricher.tables import provider_spend
from shared.clock import FixedClock
from shared.policy.versions import seed_policy

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.fixture
async def gateway(start_gateway):
    running = await start_gateway(FixedClock(AT))
    await seed_policy(running.resources.database, Path("config"), running.resources.clock.now())
    return running


async def test_providers_are_listed_with_what_they_cost(gateway):
    rows = [
        {"day": day, "provider": "peopledatalabs", "calls": 4, "matches": 3, "cents": 30}
        for day in ("2026-03-10", "2026-03-09", "2025-12-01")
    ]
    async with gateway.database.begin() as tx:
        await tx.execute(insert(provider_spend), rows)
    _, answer, _ = await gateway.ask("GET", "/v1/providers")
    by_name = {item["name"]: item for item in answer["data"]}
    pdl = by_name["peopledatalabs"]
    assert (pdl["calls"], pdl["matches"], pdl["cost"], pdl["answers_kept"]) == (8, 6, 60, 0)
    assert "company.employees" in pdl["fields"]
    _, today, _ = await gateway.ask("GET", "/v1/providers?days=1")
    assert {item["name"]: item["calls"] for item in today["data"]}["peopledatalabs"] == 4
    assert by_name["hunter"]["calls"] == 0


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

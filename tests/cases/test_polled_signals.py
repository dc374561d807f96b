"""A vendor that only answers, added as a folder beside the policy files: its news reach the seller."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.signal_vendor import SignalVendorSimulator, running_vendor

TARGET = "targetworks.example"
PRESET = """\
vendor: tidewatch
kind: signal
title: Tidewatch
docs: https://docs.tidewatch.example/rounds
content: [json]
detect: "contains(keys(@), 'organization')"
items: organization.funding_events
map:
  type: "'funding_round'"
  account.domain: body().organization.primary_domain
  occurred_at: epoch(date)
  external_id: id
  details.round: type
poll:
  every: 24h
  provider: tidewatch
  ask: {method: GET, path: /v1/rounds, query: {domain: "{domain}"}, headers: {x-api-key: "{key}"}}
  accounts: {relation: target}
"""
EXAMPLE = """\
title: One round
request: {json: {organization: {primary_domain: acme.example, funding_events: [{id: r1, date: "2026-01-10", type: Seed}]}}}
expect:
  - signal: {type: funding_round, account: {domain: acme.example}, details: {round: Seed}}
"""


@pytest.fixture(scope="module")
def vendor() -> Iterator[tuple[SignalVendorSimulator, str]]:
    with running_vendor() as running:
        yield running


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path, vendor: tuple[SignalVendorSimulator, str]) -> Path:
    """The default policy with the folder of a made-up vendor, a provider to reach it by, and a source."""
    folder = default_policy_dir / "integrations" / "signals" / "tidewatch"
    (folder / "examples").mkdir(parents=True)
    (folder / "preset.yaml").write_text(PRESET)
    (folder / "examples" / "round.yaml").write_text(EXAMPLE)
    with (default_policy_dir / "sources.yaml").open("a") as sources:
        sources.write("  rounds: {kind: tidewatch, poll: {budget_cents_per_day: 1000}}\n")
    with (default_policy_dir / "providers.yaml").open("a") as providers:
        providers.write(f'  tidewatch: {{integration: tidewatch, base_url: "{vendor[1]}", price_cents: 2}}\n')
    return default_policy_dir


def round_of(name: str, moved_clock: MovedClock) -> dict[str, Any]:
    return {"id": name, "date": moved_clock.now().date().isoformat(), "type": "Series B"}


def test_a_round_after_the_baseline_makes_a_lead_of_the_target(
    api: Api, moved_clock: MovedClock, vendor: tuple[SignalVendorSimulator, str]
):
    simulator, _ = vendor
    simulator.rounds[TARGET] = [{"id": "old", "date": "2019-05-01", "type": "Seed"}]
    eventually(lambda: TARGET in simulator.domains, what="the first poll")

    def leads() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.http.get(f"/v1/leads?account={TARGET}").json()["data"]
        return [lead for lead in found if lead["status"] == "routed"]

    moved_clock.move(timedelta(hours=25), api)
    eventually(lambda: simulator.domains.count(TARGET) >= 2, what="the second poll")
    assert leads() == []
    simulator.rounds[TARGET].append(round_of("new", moved_clock))
    moved_clock.move(timedelta(hours=25), api)
    (lead,) = eventually(leads, what="the lead of the account")
    (routed,) = [one for one in api.timeline(lead["lead_id"]) if one["type"] == "baton.lead.routed.v1"]
    assert routed["data"]["trigger"]["type"] == "funding_round"
    assert simulator.domains.count(TARGET) == 3
    providers = api.http.get("/v1/providers").json()["data"]
    assert "tidewatch" not in [one["name"] for one in providers if one["state"] == "unusable"]
    assert "Series B" in routed["data"]["brief"]["markdown"]
    (source,) = [one for one in api.http.get("/v1/sources").json()["data"] if one["name"] == "rounds"]
    assert (source["ready"], source["problem"]) == (False, "it takes no posts: it has no secret_env")
    assert (source["poll"]["state"], source["poll"]["asked"], source["poll"]["spent_cents"]) == (
        "active",
        2,
        2,
    )

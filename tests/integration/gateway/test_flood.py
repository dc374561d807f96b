"""Limits of a source: from one address and from everybody, whatever proxy is between, in bounded memory."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.clock import SystemClock
from tests.support.gateway import RunningGateway

TOKEN = "a token"
SOURCES = """
sources:
  website: {kind: form, public: true, origins: ["*"], redirects: ["https://www.shop.example/thanks"], limits: {per_minute: 6, per_address_per_minute: 3}}
  unlimited: {kind: form, public: true}
  crowd: {kind: form, public: true, limits: {per_minute: 2}}
  fair: {kind: form, secret_env: FAIR_TOKEN, limits: {per_minute: 2}}
  intent: {kind: signal, secret_env: FAIR_TOKEN, limits: {per_address_per_minute: 2}}
"""
FORM = {"email": "ana@kestrel.example"}


class AdvancedClock(SystemClock):
    """The time of the machine, and what a test adds to it."""

    ahead = timedelta()

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
def clock() -> AdvancedClock:
    return AdvancedClock()


@pytest.fixture
async def gateway(start_gateway, clock, monkeypatch) -> RunningGateway:
    monkeypatch.setenv("FAIR_TOKEN", TOKEN)
    running: RunningGateway = await start_gateway(clock, BATON_TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8")
    await running.apply_policy(sources=SOURCES)
    return running


async def post(gateway: RunningGateway, path: str = "website", address: str = "", **more: Any):
    headers = {"Authorization": "", **({"X-Forwarded-For": address} if address else {})}
    more.setdefault("data", FORM)
    return await gateway.ask(
        "POST", f"/hooks/forms/{path}", headers=headers | more.pop("headers", {}), **more
    )


async def test_an_address_has_its_limit_and_takes_nothing_from_the_others(gateway, clock):
    for _ in range(3):
        assert (await post(gateway, address="192.0.2.1"))[0] == 202
    for _ in range(9):
        status, problem, headers = await post(gateway, address="192.0.2.1")
        assert (status, problem["type"]) == (429, "urn:baton:problem:rate-limited")
        assert 0 < int(headers["Retry-After"]) <= 60
        assert headers["RateLimit-Policy"] == '"address";q=3;w=60'
        assert re.fullmatch(r'"address";r=0;t=\d+', headers["RateLimit"])
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "ratelimit" in headers["Access-Control-Expose-Headers"]
    for _ in range(3):
        assert (await post(gateway, address="192.0.2.2"))[0] == 202
    assert (await post(gateway, address="192.0.2.3"))[0] == 429, "the source has had its 6"
    clock.ahead = timedelta(seconds=61)
    assert (await post(gateway, address="192.0.2.1"))[0] == 202


async def test_every_answer_says_what_is_left(gateway):
    _, _, headers = await post(gateway)
    assert headers["RateLimit-Policy"] == '"address";q=3;w=60, "source";q=6;w=60'
    assert headers["RateLimit"] == '"address";r=2;t=60, "source";r=5;t=60'
    _, _, headers = await post(gateway, data={"email": "no"})
    assert headers["RateLimit"].startswith('"address";r=1;')
    assert "RateLimit" not in (await post(gateway, "unlimited"))[2]


async def test_a_form_that_cannot_be_read_counts_too(gateway):
    for _ in range(3):
        assert (await post(gateway, data=b"{", headers={"Content-Type": "application/json"}))[0] == 400
    assert (await post(gateway))[0] == 429
    _, rejected, _ = await gateway.ask("GET", "/v1/sources/website/rejected")
    assert len(rejected["data"]) == 3


async def test_a_flood_is_counted_and_fills_neither_log_nor_table(gateway):
    with capture_logs() as logged:
        for _ in range(8):
            await post(gateway, "crowd")
    assert "rate-limited" not in {entry.get("cause") for entry in logged if entry["log_level"] != "debug"}
    _, text, _ = await gateway.ask("GET", "/metrics")
    assert b'baton_rejected_submissions_total{cause="rate-limited",source="crowd"} 6.0' in text
    _, rejected, _ = await gateway.ask("GET", "/v1/sources/crowd/rejected")
    assert rejected["data"] == []


async def test_a_browser_is_sent_on_with_the_reason(gateway):
    path = "website?redirect=https://www.shop.example/thanks"
    locations = [(await post(gateway, path))[2]["Location"] for _ in range(4)]
    assert locations == [
        *["https://www.shop.example/thanks"] * 3,
        "https://www.shop.example/thanks?error=rate-limited",
    ]


async def test_strangers_take_no_quota_of_a_source_that_has_a_secret(gateway):
    for _ in range(5):
        assert (await post(gateway, "fair/wrong"))[0] == 403
    assert [(await post(gateway, f"fair/{TOKEN}"))[0] for _ in range(3)] == [202, 202, 429]


async def test_signals_have_limits_too(gateway):
    signal = {
        "type": "news",
        "account": {"domain": "targetworks.example"},
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    statuses = []
    for _ in range(3):
        status, _, _ = await gateway.ask("POST", f"/hooks/signals/intent/{TOKEN}", json=signal)
        statuses.append(status)
    assert statuses == [202, 202, 429]


SAME_CLIENT = [
    # forwarded for, the client that it is counted for
    ("192.0.2.1", "192.0.2.1"),
    ("198.51.100.7, 192.0.2.1", "192.0.2.1"),
    ("192.0.2.1, 10.1.2.3", "192.0.2.1"),
    ("192.0.2.1, 10.1.2.3, 127.0.0.1", "192.0.2.1"),
    ("spoofed, 192.0.2.1:4711", "192.0.2.1"),
    ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
    ("2001:db8:1:2:bbbb::ffff", "2001:db8:1:2::/64"),
    ("[2001:db8:1:2::3]:4711", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ("not an address", "unknown"),
    ("", "127.0.0.1"),
]


async def test_the_address_is_the_last_hop_that_is_no_trusted_proxy(gateway):
    left: dict[str, int] = {}
    for forwarded, client in SAME_CLIENT:
        _, _, headers = await post(gateway, address=forwarded)
        left_now = re.search(r"r=(\d+)", headers["RateLimit"])
        assert left_now is not None
        remaining = int(left_now[1])
        assert remaining == max(0, left.get(client, 3) - 1), forwarded
        left[client] = remaining


async def test_without_trusted_proxies_the_header_is_not_believed(start_gateway):
    gateway = await start_gateway()
    await gateway.apply_policy(sources=SOURCES)
    statuses = [(await post(gateway, address=f"192.0.2.{n}"))[0] for n in range(4)]
    assert statuses == [202, 202, 202, 429]

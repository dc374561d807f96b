"""The client of one provider, in virtual time: rate limit, retries, circuit breaker, limits of time and size."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery
from services.enricher.provider_client import RESPONSE_BYTES_MAX, ProviderClient, resolve_base_url
from services.enricher.providers import INTEGRATIONS
from shared.clock import FixedClock
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.resilience.circuit_breaker import FAILURES_MAX, OPEN_S
from shared.rules.times import Duration
from tests.support.virtual_time import run_in_virtual_time

TARGET = LookupTarget("brightloom.example", "ana@brightloom.example", "Ana", "Lopez")
COMPANY = ProviderQuery("apollo", "company", "brightloom.example", TARGET, ("company.employees",))
MATCH = httpx2.Response(200, json={"organization": {"name": "Brightloom", "estimated_num_employees": 350}})
NO_MATCH = httpx2.Response(200, json={"organization": None})


class FakeVendor(httpx2.AsyncBaseTransport):
    """A vendor's server: sends its replies in turn, the last one again and again; notes when it was called."""

    def __init__(self, *replies: httpx2.Response | Exception, takes_s: float = 0.0) -> None:
        self.called_at: list[float] = []
        self.requests: list[httpx2.Request] = []
        self.in_flight_max = 0
        self._in_flight = 0
        self._replies = list(replies)
        self._takes_s = takes_s

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.called_at.append(asyncio.get_running_loop().time())
        self.requests.append(request)
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        try:
            await asyncio.sleep(self._takes_s)
        finally:
            self._in_flight -= 1
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx2.Response(
            reply.status_code, headers=reply.headers, stream=httpx2.ByteStream(reply.content)
        )


def client_of(vendor: FakeVendor, *, name: str = "apollo", **terms: Any) -> ProviderClient:
    defaults: dict[str, Any] = {"price_cents": 8, "per_second": 1_000, "timeout": Duration(2)}
    return ProviderClient(
        name,
        Provider(integration=name, base_url="", **(defaults | terms)),
        INTEGRATIONS[name],
        key="secret",
        http=httpx2.AsyncClient(transport=vendor, base_url="https://vendor.example/base"),
        clock=FixedClock(datetime(2026, 3, 1, tzinfo=UTC)),
        metrics=Metrics(),
        monotonic_s=asyncio.get_running_loop().time,
    )


def ask(vendor: FakeVendor, *, query: ProviderQuery = COMPANY, within_s: float = 60, **terms: Any):
    """Query the vendor once; return the answer."""

    async def main() -> ProviderAnswer:
        client = client_of(vendor, **terms)
        answer = await client.query(query, within_s=within_s)
        await client.close()
        return answer

    return run_in_virtual_time(main(), at_most_s=within_s + 1)


def test_a_match_has_the_facts_and_costs_the_price():
    vendor = FakeVendor(MATCH)
    answer = ask(vendor)
    assert (answer.outcome, answer.cost, answer.facts.company.employees) == ("match", 8, 350)
    assert answer.requested == ("company.employees",)
    (request,) = vendor.requests
    assert str(request.url) == (
        "https://vendor.example/base/api/v1/organizations/enrich?domain=brightloom.example"
    )
    assert request.headers["x-api-key"] == "secret"


@pytest.mark.parametrize(("charged", "cost"), [("match", 0), ("call", 8)])
def test_no_match_costs_what_the_policy_says(charged, cost):
    answer = ask(FakeVendor(NO_MATCH), charged=charged)
    assert (answer.outcome, answer.cost) == ("no_match", cost)


def test_a_query_that_the_lead_says_too_little_for_is_skipped():
    vendor = FakeVendor(MATCH)
    query = ProviderQuery("hunter", "person", "lead", LookupTarget(email="ana@brightloom.example"))
    assert ask(vendor, query=query, name="hunter").outcome == "skipped"
    assert not vendor.requests


def test_after_429_the_call_is_repeated_when_the_provider_says():
    vendor = FakeVendor(httpx2.Response(429, headers={"Retry-After": "7"}), MATCH)
    assert ask(vendor).outcome == "match"
    assert vendor.called_at == [0, pytest.approx(7, abs=0.1)]


def test_when_the_wait_is_longer_than_the_deadline_the_query_fails_at_once():
    vendor = FakeVendor(httpx2.Response(429, headers={"Retry-After": "600"}))
    answer = ask(vendor, within_s=8)
    assert (answer.outcome, len(vendor.requests)) == ("failed", 1)
    assert "rate limit" in answer.detail


def test_a_lookup_that_still_runs_at_the_vendor_is_asked_for_again():
    vendor = FakeVendor(httpx2.Response(202), httpx2.Response(202), MATCH)
    assert ask(vendor).outcome == "match"
    assert vendor.called_at == pytest.approx([0, 0.5, 1.0], abs=0.1)


def test_an_answer_that_never_gets_ready_ends_at_the_deadline():
    vendor = FakeVendor(httpx2.Response(202))
    answer = ask(vendor, within_s=3)
    assert (answer.outcome, answer.detail) == ("timeout", "no answer within 3.0 s")


def test_a_call_that_takes_longer_than_the_policy_allows_is_a_timeout():
    answer = ask(FakeVendor(MATCH, takes_s=5), timeout=Duration(2))
    assert (answer.outcome, answer.detail) == ("timeout", "no answer within 2s")


@pytest.mark.parametrize(
    "error", [httpx2.ConnectError("refused"), httpx2.ReadError("reset"), OSError("no route")], ids=repr
)
def test_a_connection_that_fails_is_a_failed_answer_with_the_reason(error):
    answer = ask(FakeVendor(error))
    assert (answer.outcome, answer.cost) == ("failed", 0)
    assert str(error) in answer.detail


def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    body = json.dumps({"organization": {"name": "x" * RESPONSE_BYTES_MAX}}).encode()
    answer = ask(FakeVendor(httpx2.Response(200, content=body)))
    assert answer.outcome == "failed"
    assert "bytes" in answer.detail


def test_calls_keep_the_rate_of_the_policy():
    async def main(vendor: FakeVendor) -> None:
        client = client_of(vendor, per_second=2)
        await asyncio.gather(*(client.query(COMPANY, within_s=60) for _ in range(6)))

    vendor = FakeVendor(MATCH)
    run_in_virtual_time(main(vendor), at_most_s=10)
    assert vendor.called_at == pytest.approx([0, 0, 0.5, 1.0, 1.5, 2.0], abs=0.01)


def test_no_more_calls_are_in_flight_than_the_policy_allows():
    async def main(vendor: FakeVendor) -> None:
        client = client_of(vendor, in_flight=3)
        await asyncio.gather(*(client.query(COMPANY, within_s=60) for _ in range(10)))

    vendor = FakeVendor(MATCH, takes_s=1)
    run_in_virtual_time(main(vendor), at_most_s=10)
    assert vendor.in_flight_max == 3


def test_a_provider_that_fails_in_a_row_is_not_asked_until_the_breaker_lets_a_trial_go():
    async def main(vendor: FakeVendor) -> list[object]:
        client = client_of(vendor)
        outcomes: list[object] = [
            (await client.query(COMPANY, within_s=9)).outcome for _ in range(FAILURES_MAX + 3)
        ]
        assert len(vendor.requests) == FAILURES_MAX
        await asyncio.sleep(OPEN_S)
        outcomes.append((await client.query(COMPANY, within_s=9)).outcome)
        outcomes.append((await client.query(COMPANY, within_s=9)).outcome)
        return outcomes

    vendor = FakeVendor(*[httpx2.Response(500)] * FAILURES_MAX, MATCH)
    outcomes = run_in_virtual_time(main(vendor), at_most_s=100)
    assert outcomes == ["failed"] * (FAILURES_MAX + 3) + ["match", "match"]


def test_a_trial_that_reaches_its_deadline_lets_another_one_go():
    async def main(vendor: FakeVendor) -> str:
        client = client_of(vendor, timeout=Duration(60))
        for _ in range(FAILURES_MAX):
            await client.query(COMPANY, within_s=9)
        await asyncio.sleep(OPEN_S)
        assert (await client.query(COMPANY, within_s=0.5)).outcome == "timeout"
        return (await client.query(COMPANY, within_s=9)).outcome

    vendor = FakeVendor(*[httpx2.Response(500)] * FAILURES_MAX, MATCH, takes_s=1)
    assert run_in_virtual_time(main(vendor), at_most_s=100) == "match"


@pytest.mark.parametrize(
    ("base_url", "resolved"),
    [
        ("http://127.0.0.1:8090/apollo", "http://stubs:9000/apollo"),
        ("http://127.0.0.1:8090", "http://stubs:9000"),
        ("https://api.apollo.io", "https://api.apollo.io"),
        ("http://127.0.0.1:80/apollo", "http://127.0.0.1:80/apollo"),
    ],
)
def test_only_the_address_of_the_stubs_is_replaced(base_url, resolved):
    assert resolve_base_url(base_url, "http://stubs:9000/") == resolved

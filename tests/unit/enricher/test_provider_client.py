"""The client of one provider, in virtual time: its limits, pauses and trials, limits of time and size."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery
from services.enricher.provider_client import RESPONSE_BYTES_MAX, Lane, ProviderClient
from shared.resilience.availability import FAILURES_MAX, FIRST_INTERVAL_S
from shared.resilience.priority_limiter import WINDOW_S, Turn
from shared.rules.times import Duration
from tests.support.vendor_simulator import VendorSimulator, client_of
from tests.support.virtual_time import run_in_virtual_time

TARGET = LookupTarget("brightloom.example", "ana@brightloom.example", "Ana", "Lopez")
COMPANY = ProviderQuery("apollo", "company", "brightloom.example", TARGET, ("company.employees",))
MATCH = httpx2.Response(200, json={"organization": {"name": "Brightloom", "estimated_num_employees": 350}})
NO_MATCH = httpx2.Response(200, json={"organization": None})


async def query(
    client: ProviderClient, query: ProviderQuery = COMPANY, *, within_s: float = 60, patience_s: float = 60
) -> ProviderAnswer:
    return await client.query(query, within_s=within_s, turn=Turn(Lane.FRESH, patience_s))


def ask(vendor: VendorSimulator, *, asked: ProviderQuery = COMPANY, within_s: float = 60, **terms: Any):
    """Query the vendor once; return the answer."""

    async def main() -> ProviderAnswer:
        client = client_of(vendor, **terms)
        answer = await query(client, asked, within_s=within_s)
        await client.close()
        return answer

    return run_in_virtual_time(main(), at_most_s=within_s + 1)


def test_a_match_has_the_facts_and_costs_the_price():
    vendor = VendorSimulator(MATCH)
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
    answer = ask(VendorSimulator(NO_MATCH), charged=charged)
    assert (answer.outcome, answer.cost) == ("no_match", cost)


def test_a_query_that_the_lead_says_too_little_for_is_skipped():
    vendor = VendorSimulator(MATCH)
    asked = ProviderQuery("hunter", "person", "lead", LookupTarget(email="ana@brightloom.example"))
    assert ask(vendor, asked=asked, name="hunter").outcome == "skipped"
    assert not vendor.requests


def test_a_lookup_that_still_runs_at_the_vendor_is_asked_for_again():
    vendor = VendorSimulator(httpx2.Response(202), httpx2.Response(202), MATCH)
    assert ask(vendor).outcome == "match"
    assert vendor.called_at == pytest.approx([0, 0.5, 1.0], abs=0.1)


def test_an_answer_that_never_gets_ready_ends_at_the_deadline():
    vendor = VendorSimulator(httpx2.Response(202))
    answer = ask(vendor, within_s=3)
    assert (answer.outcome, answer.detail) == ("timeout", "no answer within 3.0 s")


def test_a_call_that_takes_longer_than_the_policy_allows_is_a_timeout():
    answer = ask(VendorSimulator(MATCH, takes_s=5), timeout=Duration(2))
    assert (answer.outcome, answer.detail) == ("timeout", "no answer within 2s")


@pytest.mark.parametrize(
    "error", [httpx2.ConnectError("refused"), httpx2.ReadError("reset"), OSError("no route")], ids=repr
)
def test_a_connection_that_fails_is_a_failed_answer_with_the_reason(error):
    answer = ask(VendorSimulator(error))
    assert (answer.outcome, answer.cost) == ("failed", 0)
    assert str(error) in answer.detail


def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    body = json.dumps({"organization": {"name": "x" * RESPONSE_BYTES_MAX}}).encode()
    answer = ask(VendorSimulator(httpx2.Response(200, content=body)))
    assert answer.outcome == "failed"
    assert "bytes" in answer.detail


def test_calls_keep_the_rate_of_the_policy():
    async def main(vendor: VendorSimulator) -> None:
        client = client_of(vendor, per_second=2)
        await asyncio.gather(*(query(client) for _ in range(6)))

    vendor = VendorSimulator(MATCH)
    run_in_virtual_time(main(vendor), at_most_s=10)
    steps = [0, 0, 1, 1, 2, 2]
    assert vendor.called_at == pytest.approx([step * WINDOW_S for step in steps], abs=0.01)


def test_no_more_calls_are_in_flight_than_the_policy_allows():
    async def main(vendor: VendorSimulator) -> None:
        client = client_of(vendor, in_flight=3)
        await asyncio.gather(*(query(client) for _ in range(10)))

    vendor = VendorSimulator(MATCH, takes_s=1)
    run_in_virtual_time(main(vendor), at_most_s=10)
    assert vendor.in_flight_max == 3


def test_a_caller_whose_turn_cannot_come_in_time_is_skipped_at_once_and_the_provider_shown_as_limited():
    async def main(vendor: VendorSimulator) -> None:
        client = client_of(vendor, per_second=2)
        now_s = asyncio.get_running_loop().time
        calls = [query(client, patience_s=1.5) for _ in range(7)]
        *_answers, last = answers = await asyncio.gather(*calls)
        assert [answer.outcome for answer in answers] == ["match"] * 4 + ["skipped"] * 3
        assert now_s() < 1.5
        assert (last.cost, last.detail) == (
            0,
            "not asked: more calls are wanted than it may get (per_second: 2, in_flight: 5)",
        )
        assert (client.access, client.status.state) == ("open", "limited")
        await asyncio.sleep(20)
        assert client.status.state == "active"

    run_in_virtual_time(main(VendorSimulator(MATCH)), at_most_s=60)


def test_a_caller_waits_for_a_slot_no_longer_than_it_is_patient():
    async def main(vendor: VendorSimulator) -> None:
        client = client_of(vendor, in_flight=1, timeout=Duration(60))
        first = asyncio.create_task(query(client))
        await asyncio.sleep(0)
        assert (await query(client, patience_s=1)).outcome == "skipped"
        assert asyncio.get_running_loop().time() == pytest.approx(1)
        assert (await first).outcome == "match"

    run_in_virtual_time(main(VendorSimulator(MATCH, takes_s=30)), at_most_s=60)


def test_after_429_nobody_is_asked_for_as_long_as_the_provider_says_and_those_who_wait_go_on():
    async def main(vendor: VendorSimulator) -> None:
        client = client_of(vendor, in_flight=1)
        now_s = asyncio.get_running_loop().time
        answers = await asyncio.gather(*(query(client) for _ in range(3)))
        assert [answer.outcome for answer in answers] == ["failed", "skipped", "skipped"]
        assert now_s() == pytest.approx(0.1)
        assert (client.access, client.status.state) == ("closed", "limited")
        assert "status 429" in answers[1].detail
        await asyncio.sleep(6.9)
        assert (await query(client)).outcome == "skipped"
        await asyncio.sleep(0.1)
        assert (await query(client)).outcome == "match"
        assert (client.access, client.status.state) == ("open", "limited")
        assert vendor.called_at == [0, pytest.approx(7.1, abs=0.1)]

    limited = httpx2.Response(429, headers={"Retry-After": "7"})
    run_in_virtual_time(main(VendorSimulator(limited, MATCH, takes_s=0.1)), at_most_s=60)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("apollo", 401, "its API key is refused (status 401)"),
        ("apollo", 403, "its API key is refused (status 403)"),
        ("clearbit", 402, "its credits are spent (status 402: the quota of the account is used up)"),
        ("hunter", 429, "its credits are spent (status 429: the credits of the month are used up)"),
    ],
)
def test_one_refused_call_pauses_the_provider_until_a_trial_works(name, status, reason):
    async def main(vendor: VendorSimulator) -> None:
        client = client_of(vendor, name=name)
        asked = ProviderQuery(name, "email", "lead", TARGET) if name == "hunter" else COMPANY
        assert (await query(client, asked)).outcome == "failed"
        assert (client.access, client.status.state, client.status.reason) == (
            "closed",
            "paused",
            reason,
        )
        for _ in range(100):
            answer = await query(client, asked)
            assert (answer.outcome, answer.detail) == ("skipped", f"not asked: {reason}")
        assert len(vendor.requests) == 1
        for interval_s in (5, 10):
            await asyncio.sleep(interval_s)
            answers = await asyncio.gather(*(query(client, asked) for _ in range(10)))
        assert len(vendor.requests) == 3
        assert sorted(answer.outcome for answer in answers) == ["no_match"] + ["skipped"] * 9
        assert (client.access, client.status.state) == ("open", "active")

    refused = httpx2.Response(status)
    run_in_virtual_time(main(VendorSimulator(refused, refused, httpx2.Response(404))), at_most_s=60)


def test_a_provider_that_fails_in_a_row_is_not_asked_until_a_trial_may_go():
    async def main(vendor: VendorSimulator) -> list[object]:
        client = client_of(vendor)
        outcomes: list[object] = [(await query(client, within_s=9)).outcome for _ in range(FAILURES_MAX + 3)]
        assert len(vendor.requests) == FAILURES_MAX
        assert client.status.state == "failing"
        await asyncio.sleep(FIRST_INTERVAL_S["failing"])
        outcomes.append((await query(client, within_s=9)).outcome)
        outcomes.append((await query(client, within_s=9)).outcome)
        return outcomes

    vendor = VendorSimulator(*[httpx2.Response(500)] * FAILURES_MAX, MATCH)
    outcomes = run_in_virtual_time(main(vendor), at_most_s=100)
    assert outcomes == ["failed"] * FAILURES_MAX + ["skipped"] * 3 + ["match", "match"]


def test_a_trial_that_reaches_its_deadline_lets_another_one_go():
    async def main(vendor: VendorSimulator) -> str:
        client = client_of(vendor, timeout=Duration(60))
        for _ in range(FAILURES_MAX):
            await query(client, within_s=9)
        await asyncio.sleep(FIRST_INTERVAL_S["failing"])
        assert (await query(client, within_s=0.5)).outcome == "timeout"
        return (await query(client, within_s=9)).outcome

    vendor = VendorSimulator(*[httpx2.Response(500)] * FAILURES_MAX, MATCH, takes_s=1)
    assert run_in_virtual_time(main(vendor), at_most_s=100) == "match"

"""Every vendor failing in every way, in virtual time: a failure is an answer in time that costs nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery
from services.enricher.provider_client import RESPONSE_BYTES_MAX, Lane
from shared.resilience.priority_limiter import Turn
from tests.support.integrations import INTEGRATIONS, PRESETS
from tests.support.made_up_vendors import LoopClock
from tests.support.vendor_jobs import JobsInMemory
from tests.support.vendor_simulator import VendorSimulator, client_of
from tests.support.virtual_time import run_in_virtual_time

ANA = LookupTarget(
    "brightloom.example",
    "ana@brightloom.example",
    "Ana",
    "Lopez",
    "+12015550143",
    "https://www.linkedin.com/in/ana",
    "Brightloom",
    "lead",
)
UNNAMED = LookupTarget("brightloom.example", None, "Ana", "Lopez", lead_id="lead")
WITHIN_S = 8.0
STATUSES = [400, 401, 402, 403, 404, 429, 500, 503]


def json_reply(status: int, body: Any) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps(body).encode())


FAULTS: dict[str, VendorSimulator] = {
    **{str(status): VendorSimulator(json_reply(status, {"error": "no"})) for status in STATUSES},
    "hang": VendorSimulator(json_reply(200, {}), takes_s=60),
    "malformed": VendorSimulator(httpx2.Response(200, content=b'{"name": "Half an ans')),
    "huge": VendorSimulator(httpx2.Response(200, content=b" " * (17 * RESPONSE_BYTES_MAX))),
    "wrong type": VendorSimulator(json_reply(200, [1, "two", None])),
    "a text": VendorSimulator(json_reply(200, "busy")),
    "refused": VendorSimulator(httpx2.ConnectError("refused")),
    "never ready": VendorSimulator(json_reply(202, {})),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("vendor", sorted(INTEGRATIONS))
def test_a_vendor_that_fails_holds_nobody_up_and_costs_nothing(vendor, fault):
    async def main() -> None:
        for subject in INTEGRATIONS[vendor].gives:
            client = client_of(
                FAULTS[fault],
                name=vendor,
                jobs=JobsInMemory(LoopClock()),
                price_cents=None,
                per_second=1_000,
            )
            target = UNNAMED if subject == "find_email" else ANA
            query = ProviderQuery(vendor, subject, "lead", target, ("company.employees",))
            began_s = asyncio.get_running_loop().time()
            answer = await client.query(query, within_s=WITHIN_S, turn=Turn(Lane.FRESH, WITHIN_S))
            assert asyncio.get_running_loop().time() - began_s <= WITHIN_S + 0.01
            check(answer)

    def check(answer: ProviderAnswer) -> None:
        assert answer.outcome != "match"
        assert not answer.facts.confidence
        assert not answer.contacts
        assert answer.detail or answer.outcome == "no_match"
        bills_calls = PRESETS[vendor].price.call or any(
            ask.price and (ask.price.call or ask.price.no_match) for ask in PRESETS[vendor].ask.values()
        )
        assert answer.cost == 0 or (answer.outcome == "no_match" and bills_calls)

    run_in_virtual_time(main(), at_most_s=120)


@pytest.mark.parametrize("fault", ["400", "500", "malformed", "wrong type", "refused", "hang"])
def test_a_vendor_that_keeps_failing_is_not_asked_for_every_lead(fault):
    async def main() -> None:
        vendor = FAULTS[fault]
        before = len(vendor.requests)
        client = client_of(vendor, name="apollo")
        query = ProviderQuery("apollo", "company", "brightloom.example", ANA)
        for _ in range(20):
            answer = await client.query(query, within_s=WITHIN_S, turn=Turn(Lane.FRESH, WITHIN_S))
            assert answer.outcome in ("failed", "timeout", "skipped")
        assert client.status.state == "failing"
        assert len(vendor.requests) - before < 10

    run_in_virtual_time(main(), at_most_s=200)

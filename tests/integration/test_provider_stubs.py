"""The stub providers over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.provider_stubs.bootstrap import StubServer
from shared.clock import SystemClock
from shared.settings import StubsSettings, load

FIND = "/clearbit/v2/companies/find"


@pytest.fixture
async def stubs() -> AsyncIterator[aiohttp.ClientSession]:
    server = StubServer(SystemClock(), load(StubsSettings, {"BATON_STUBS_PORT": "0"}))
    await server.start()
    base = f"http://127.0.0.1:{server.port}"
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        base, headers={"Authorization": "Bearer any"}, timeout=timeout
    ) as session:
        yield session
    await server.stop()


async def test_the_golden_companies_lead_the_list(stubs):
    async with stubs.get("/world", params={"limit": "4"}) as answer:
        domains = (await answer.json())["data"]
    assert {"brightloom.example", "ironharbor.example", "stormfall.example"} < set(domains)


async def test_the_fixed_companies_are_as_they_are_known(stubs):
    async with stubs.get("/world/brightloom.example") as answer:
        truth = await answer.json()
    assert (truth["employees"], truth["industry"], truth["country"]) == (350, "software", "US")
    async with stubs.get("/world/ironharbor.example") as answer:
        truth = await answer.json()
    assert (truth["employees"], truth["industry"], truth["country"]) == (8000, "manufacturing", "DE")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/world/nowhere.example", None, 404),
        ("GET", f"{FIND}?domain=nowhere.example", None, 404),
        ("GET", FIND, None, 422),
        ("GET", "/world?limit=x", None, 422),
        ("PUT", "/faults/nobody", {"hang": True}, 404),
        ("PUT", "/faults/clearbit", {"hang": "yes"}, 422),
        ("PUT", "/faults/clearbit", {"hangs": True}, 422),
        ("PUT", "/faults/clearbit", None, 400),
    ],
)
async def test_what_cannot_be_answered_is_refused(stubs, method, path, body, status):
    async with stubs.request(method, path, json=body) if body else stubs.request(method, path) as answer:
        assert answer.status == status
        if not path.startswith("/clearbit"):
            assert answer.content_type == "application/problem+json"


async def test_a_list_is_as_long_as_asked(stubs):
    async with stubs.get("/world", params={"limit": "2"}) as answer:
        assert len((await answer.json())["data"]) == 2


async def test_faults_come_and_go(stubs):
    async def ask() -> tuple[int, bytes]:
        async with stubs.get(FIND, params={"domain": "brightloom.example"}) as answer:
            return answer.status, await answer.read()

    async def put(**fault: object) -> None:
        async with stubs.put("/faults/clearbit", json=fault) as answer:
            assert answer.status == 200

    _, good = await ask()
    await put(status=429)
    assert (await ask())[0] == 429
    await put(malformed=True)
    assert (await ask())[0] == 200
    assert (await ask())[1] != good
    await put(latency_ms=50, rate=0.5)
    assert [(await ask())[0] for _ in range(4)] == [200] * 4
    await put(hang=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ask()
    async with stubs.delete("/faults") as answer:
        assert answer.status == 204
    assert await ask() == (200, good)


async def test_calls_are_recorded_with_what_they_cost(stubs):
    for domain in ("brightloom.example", "nowhere.example"):
        async with stubs.get(FIND, params={"domain": domain}) as answer:
            await answer.read()
    async with stubs.get("/calls") as answer:
        report = await answer.json()
    assert [(call["provider"], call["key"], call["status"], call["billed"]) for call in report["data"]] == [
        ("clearbit", "brightloom.example", 200, 12),
        ("clearbit", "nowhere.example", 404, 0),
    ]
    assert report["totals"] == {"clearbit": {"calls": 2, "matches": 1, "billed": 12}}

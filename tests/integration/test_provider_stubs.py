"""The stub providers over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

FIND = "/clearbit/v2/companies/find"


@pytest.fixture
async def stubs(stubs_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": "Bearer any"}
    async with httpx2.AsyncClient(base_url=stubs_url, headers=headers, timeout=60) as client:
        yield client


async def test_the_golden_companies_lead_the_list(stubs):
    domains = (await stubs.get("/world", params={"limit": "4"})).json()["data"]
    assert {"brightloom.example", "ironharbor.example", "stormfall.example"} < set(domains)


async def test_the_fixed_companies_are_as_they_are_known(stubs):
    truth = (await stubs.get("/world/brightloom.example")).json()
    assert (truth["employees"], truth["industry"], truth["country"]) == (350, "software", "US")
    truth = (await stubs.get("/world/ironharbor.example")).json()
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
    response = await stubs.request(method, path, json=body)
    assert response.status_code == status
    if not path.startswith("/clearbit"):
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_list_is_as_long_as_asked(stubs):
    assert len((await stubs.get("/world", params={"limit": "2"})).json()["data"]) == 2


async def test_faults_come_and_go(stubs):
    async def ask() -> tuple[int, bytes]:
        response = await stubs.get(FIND, params={"domain": "brightloom.example"})
        return response.status_code, response.content

    async def put(**fault: object) -> None:
        assert (await stubs.put("/faults/clearbit", json=fault)).status_code == 200

    _, good = await ask()
    await put(status=429)
    assert (await ask())[0] == 429
    await put(malformed=True)
    assert (await ask())[0] == 200
    assert (await ask())[1] != good
    await put(latency_ms=50, rate=0.5)
    assert [(await ask())[0] for _ in range(4)] == [200] * 4
    await put(hang=True)
    hanging = asyncio.create_task(ask())
    async with asyncio.timeout(60):
        while (await stubs.get("/calls", params={"limit": "1"})).json()["data"][0]["status"] is not None:
            pass
    assert not hanging.done()
    hanging.cancel()
    assert (await stubs.delete("/faults")).status_code == 204
    assert await ask() == (200, good)


async def test_calls_are_recorded_with_what_they_cost(stubs):
    for domain in ("brightloom.example", "nowhere.example"):
        await stubs.get(FIND, params={"domain": domain})
    report = (await stubs.get("/calls")).json()
    assert [(call["provider"], call["key"], call["status"], call["billed"]) for call in report["data"]] == [
        ("clearbit", "brightloom.example", 200, 12),
        ("clearbit", "nowhere.example", 404, 0),
    ]
    assert report["totals"] == {"clearbit": {"calls": 2, "matches": 1, "billed": 12}}

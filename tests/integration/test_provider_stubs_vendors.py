"""The vendors' paths over HTTP: their shapes, and what they say of the companies of the golden leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from services.provider_stubs.bootstrap import stub_server
from shared.clock import SystemClock
from shared.settings import StubsSettings, load

KEY = {"X-Api-Key": "any", "Authorization": "Bearer any"}
COMPANY_PATHS = {
    "/peopledatalabs/v5/company/enrich": "website",
    "/apollo/api/v1/organizations/enrich": "domain",
    "/clearbit/v2/companies/find": "domain",
}
EMAIL_PATHS = {
    "/peopledatalabs/v5/person/enrich": "GET",
    "/apollo/api/v1/people/match": "POST",
    "/clearbit/v2/combined/find": "GET",
    "/hunter/v2/email-verifier": "GET",
    "/zerobounce/v2/validate": "GET",
}


class Vendors:
    """Asks the stubs over HTTP, with a key unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(
        self, path: str, method: str = "GET", *, headers: Mapping[str, str] = KEY, **params: str
    ) -> tuple[int, Any]:
        if path.startswith("/zerobounce"):
            params = {"api_key": "any"} | params
        async with self.session.request(method, path, params=params, headers=headers) as answer:
            return answer.status, await answer.json()

    async def world(self) -> list[str]:
        return list((await self.ask("/world", limit="1000"))[1]["data"])

    async def truth(self, domain: str) -> Any:
        return (await self.ask(f"/world/{domain}"))[1]


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    server = stub_server(SystemClock(), load(StubsSettings, {"BATON_STUBS_PORT": "0"}))
    await server.start()
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", timeout=timeout) as session:
        yield Vendors(session)
    await server.stop()


async def test_brightloom_is_known_to_every_vendor_of_companies(vendors):
    status, pdl = await vendors.ask("/peopledatalabs/v5/company/enrich", website="brightloom.example")
    assert (status, pdl["employee_count"], pdl["industry"]) == (200, 350, "software")
    assert (pdl["location"]["country"], pdl["size"]) == ("united states", "201-500")
    assert pdl["likelihood"] >= 8
    _, apollo = await vendors.ask("/apollo/api/v1/organizations/enrich", domain="brightloom.example")
    organization = apollo["organization"]
    assert organization["estimated_num_employees"] == 350
    assert (organization["country"], organization["industry"]) == ("United States", "software")
    assert organization["annual_revenue_printed"] == "48M"
    _, clearbit = await vendors.ask("/clearbit/v2/companies/find", domain="brightloom.example")
    assert clearbit["metrics"]["employees"] == 350
    assert (clearbit["geo"]["countryCode"], clearbit["category"]["industry"]) == ("US", "software")


async def test_ironharbor_is_found_by_the_second_vendor(vendors):
    status, pdl = await vendors.ask("/peopledatalabs/v5/company/enrich", website="ironharbor.example")
    assert (status, pdl["status"], pdl["error"]["type"]) == (404, 404, "not_found")
    _, apollo = await vendors.ask("/apollo/api/v1/organizations/enrich", domain="ironharbor.example")
    assert apollo["organization"]["estimated_num_employees"] == 8000
    assert apollo["organization"]["country"] == "Germany"


@pytest.mark.parametrize("path", [*COMPANY_PATHS, *EMAIL_PATHS])
async def test_nobody_answers_about_stormfall(vendors, path):
    method = EMAIL_PATHS.get(path, "GET")
    params = {COMPANY_PATHS.get(path, "email"): "stormfall.example"}
    if path in EMAIL_PATHS:
        params = {"email": "ana@stormfall.example"}
    try:
        async with asyncio.timeout(0.5):
            status, _ = await vendors.ask(path, method, **params)
    except TimeoutError:
        return
    assert status == 500


async def test_each_vendor_has_its_own_no_match(vendors):
    ask, nowhere = vendors.ask, "nowhere.example"
    assert (await ask("/peopledatalabs/v5/company/enrich", website=nowhere))[0] == 404
    assert (await ask("/peopledatalabs/v5/person/enrich", email=f"a@{nowhere}"))[0] == 404
    assert await ask("/apollo/api/v1/organizations/enrich", domain=nowhere) == (200, {"organization": None})
    assert await ask("/apollo/api/v1/people/match", "POST", email=f"a@{nowhere}") == (200, {"person": None})
    status, body = await ask("/clearbit/v2/combined/find", email=f"a@{nowhere}")
    assert (status, body["error"]["type"]) == (404, "unknown_record")
    status, body = await ask("/hunter/v2/email-verifier", email=f"a@{nowhere}")
    assert (status, body["data"]["status"]) == (200, "unknown")
    status, body = await ask("/hunter/v2/email-finder", domain=nowhere, first_name="Ana", last_name="Ruiz")
    assert (status, body["data"]["email"]) == (200, None)
    status, body = await ask("/zerobounce/v2/validate", email=f"a@{nowhere}")
    assert (status, body["status"]) == (200, "unknown")


@pytest.mark.parametrize(
    ("path", "params", "status", "body"),
    [
        (
            "/peopledatalabs/v5/company/enrich",
            {"website": "brightloom.example"},
            401,
            {
                "status": 401,
                "error": {
                    "type": "authentication_error",
                    "message": "Request contained a missing or invalid key",
                },
            },
        ),
        (
            "/apollo/api/v1/organizations/enrich",
            {"domain": "brightloom.example"},
            401,
            {"error": "Invalid access credentials."},
        ),
        (
            "/hunter/v2/email-verifier",
            {"email": "a@brightloom.example"},
            401,
            {
                "errors": [
                    {
                        "id": "authentication_failed",
                        "code": 401,
                        "details": "No user found for the API key supplied",
                    }
                ]
            },
        ),
        (
            "/zerobounce/v2/validate",
            {"email": "a@brightloom.example", "api_key": ""},
            200,
            {"error": "Invalid API key or your account ran out of credits"},
        ),
    ],
)
async def test_without_a_key_a_vendor_says_so_in_its_own_way(vendors, path, params, status, body):
    assert await vendors.ask(path, headers={}, **params) == (status, body)

"""The vendors' paths over HTTP: their shapes, and what they say of the companies of the golden leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.policy.load import load as load_policy

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

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def ask(
        self, path: str, method: str = "GET", *, headers: Mapping[str, str] = KEY, **params: str
    ) -> tuple[int, Any]:
        if path.startswith("/zerobounce") and headers:
            params |= {"api_key": "any"}
        response = await self.http.request(method, path, params=params, headers=headers)
        return response.status_code, response.json()

    async def world(self) -> list[str]:
        """Return the domains that were made up; the golden ones, of which one hangs, come before them."""
        return list((await self.ask("/world", limit="1000"))[1]["data"][4:])

    async def people(self, *, of: int) -> list[dict[str, str]]:
        """Return the people of so many companies."""
        truths = await asyncio.gather(*(self.truth(domain) for domain in (await self.world())[:of]))
        return [person for truth in truths for person in truth["people"]]

    async def ask_each(
        self, path: str, people: Sequence[Mapping[str, str]]
    ) -> list[tuple[Mapping[str, str], tuple[int, Any]]]:
        """Ask about the address of each of these people."""
        method = EMAIL_PATHS[path]
        asked = await asyncio.gather(*(self.ask(path, method, email=person["email"]) for person in people))
        return list(zip(people, asked, strict=True))

    async def truth(self, domain: str) -> Any:
        return (await self.ask(f"/world/{domain}"))[1]


@pytest.fixture
async def vendors(stubs_url: str) -> AsyncIterator[Vendors]:
    limits = httpx2.Limits(max_connections=16)
    async with httpx2.AsyncClient(base_url=stubs_url, timeout=60, limits=limits) as http:
        yield Vendors(http)


async def test_brightloom_is_known_to_every_vendor_of_companies(vendors):
    status, pdl = await vendors.ask("/peopledatalabs/v5/company/enrich", website="brightloom.example")
    assert (status, pdl["employee_count"], pdl["industry"]) == (200, 350, "computer software")
    assert (pdl["location"]["country"], pdl["size"]) == ("united states", "201-500")
    assert pdl["likelihood"] >= 8
    _, apollo = await vendors.ask("/apollo/api/v1/organizations/enrich", domain="brightloom.example")
    organization = apollo["organization"]
    assert organization["estimated_num_employees"] == 350
    assert (organization["country"], organization["industry"]) == ("United States", "computer software")
    assert organization["annual_revenue_printed"] == "48M"
    _, clearbit = await vendors.ask("/clearbit/v2/companies/find", domain="brightloom.example")
    assert clearbit["metrics"]["employees"] == 350
    assert clearbit["geo"]["countryCode"] == "US"
    assert clearbit["category"]["industry"] == "Internet Software & Services"


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
    asked = asyncio.create_task(vendors.ask(path, method, **params))
    async with asyncio.timeout(60):
        while not (calls := (await vendors.ask("/calls"))[1]["data"]):
            pass
    if calls[0]["status"] is None:  # it hangs: there is a log entry and no answer
        assert not asked.done()
        asked.cancel()
    else:
        assert (await asked)[0] == 500


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
            "/clearbit/v2/companies/find",
            {"domain": "brightloom.example"},
            401,
            {"error": {"type": "auth_required", "message": "Authentication is required."}},
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
            {"email": "a@brightloom.example"},
            200,
            {"error": "Invalid API key or your account ran out of credits"},
        ),
    ],
)
async def test_without_a_key_a_vendor_says_so_in_its_own_way(vendors, path, params, status, body):
    assert await vendors.ask(path, headers={}, **params) == (status, body)


async def test_a_person_is_matched_by_the_vendors_that_know_them(vendors):
    people = await vendors.people(of=8)
    known = 0
    for person, (status, body) in await vendors.ask_each("/peopledatalabs/v5/person/enrich", people):
        assert status in (200, 404)
        if status == 200:
            known += 1
            assert body["data"]["full_name"] == f"{person['first_name']} {person['last_name']}".lower()
            assert body["data"]["work_email"] == person["email"]
    assert 0 < known < len(people)
    known = 0
    for person, (status, body) in await vendors.ask_each("/apollo/api/v1/people/match", people):
        assert status == 200
        if body["person"]:
            known += 1
            assert body["person"]["last_name"] == person["last_name"]
            assert body["person"]["email"] in (person["email"], "email_not_unlocked@domain.com")
    assert 0 < known < len(people)


async def test_a_question_may_come_in_a_body(vendors):
    [person, *_] = (await vendors.truth("brightloom.example"))["people"]
    path = "/apollo/api/v1/people/match"
    asked = {"email": person["email"], "reveal_personal_emails": False}
    in_body = await vendors.http.post(path, json=asked, headers=KEY)
    assert in_body.json() == (await vendors.ask(path, "POST", email=person["email"]))[1]
    assert (await vendors.http.post(path, content=b"[1", headers=KEY)).status_code == 400


async def test_people_data_labs_says_when_it_is_not_sure(vendors):
    path, domains = "/peopledatalabs/v5/company/enrich", await vendors.world()
    asked = await asyncio.gather(*(vendors.ask(path, website=domain) for domain in domains))
    found = {domain: body for domain, (status, body) in zip(domains, asked, strict=True) if status == 200}
    assert any(body["likelihood"] < 6 for body in found.values())
    assert any(body["employee_count"] is None and body["size"] for body in found.values())


async def test_clearbit_queues_some_and_knows_only_a_range_of_others(vendors):
    path, domains = "/clearbit/v2/companies/find", await vendors.world()
    first, then = [
        await asyncio.gather(*(vendors.ask(path, domain=domain) for domain in domains)) for _ in range(2)
    ]
    queued = [body for status, body in first if status == 202]
    assert 2 <= len(queued) <= 30
    assert {body["error"]["type"] for body in queued} == {"queued"}
    assert {status for status, _ in then} == {200, 404}
    ranges = [body["metrics"] for status, body in then if status == 200]
    assert all(metrics["employeesRange"] for metrics in ranges)
    assert 10 <= len([metrics for metrics in ranges if metrics["employees"] is None]) <= 80


async def test_clearbit_combines_a_person_and_a_company(vendors):
    status, body = await vendors.ask("/clearbit/v2/combined/find", email="new.hire@brightloom.example")
    assert (status, body["person"], body["company"]["metrics"]["employees"]) == (200, None, 350)


@pytest.mark.parametrize(
    ("email", "hunter", "zerobounce"),
    [
        ("anybody@brightloom.example", "valid", ("valid", "")),
        ("sales@brightloom.example", "valid", ("valid", "role_based")),
        ("ana.ruiz@gmail.com", "webmail", ("unknown", "timeout_exceeded")),
        ("x81k2@mailinator.com", "disposable", ("do_not_mail", "disposable")),
        ("ana@nowhere.example", "unknown", ("unknown", "mail_server_did_not_respond")),
    ],
)
async def test_verifiers_say_what_becomes_of_mail(vendors, email, hunter, zerobounce):
    status, body = await vendors.ask("/hunter/v2/email-verifier", email=email)
    assert (status, body["data"]["status"]) == (200, hunter)
    assert body["meta"] == {"params": {"email": email}}
    status, body = await vendors.ask("/zerobounce/v2/validate", email=email)
    assert (status, body["status"], body["sub_status"]) == (200, *zerobounce)


async def test_a_mail_server_decides_what_a_verifier_can_say(vendors):
    said: dict[str, set[str]] = {}
    strangers = [{"email": f"nobody.at.all@{domain}"} for domain in (await vendors.world())[:60]]
    for stranger, (_, body) in await vendors.ask_each("/hunter/v2/email-verifier", strangers):
        truth = await vendors.truth(stranger["email"].partition("@")[2])
        said.setdefault(truth["mail"], set()).add(body["data"]["status"])
    assert said == {"exact": {"invalid"}, "catch_all": {"accept_all"}, "silent": {"unknown"}}


async def test_hunter_is_not_done_with_some_addresses_at_once(vendors):
    path, people = "/hunter/v2/email-verifier", await vendors.people(of=20)
    pending = [person for person, (status, _) in await vendors.ask_each(path, people) if status == 202]
    assert pending
    assert {status for _, (status, _) in await vendors.ask_each(path, pending)} == {200}


async def test_hunter_finds_an_address_by_name(vendors):
    people = await vendors.people(of=8)
    asked = await asyncio.gather(
        *(
            vendors.ask(
                "/hunter/v2/email-finder",
                domain=person["email"].partition("@")[2],
                first_name=person["first_name"],
                last_name=person["last_name"].upper(),
            )
            for person in people
        )
    )
    assert {status for status, _ in asked} == {200}
    found = [body["data"]["email"] for _, body in asked]
    assert {email for email, person in zip(found, people, strict=True) if email != person["email"]} == {None}
    assert any(found)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/peopledatalabs/v5/company/enrich", 400),
        ("/peopledatalabs/v5/person/enrich", 400),
        ("/apollo/api/v1/organizations/enrich", 422),
        ("/clearbit/v2/companies/find", 422),
        ("/clearbit/v2/combined/find", 422),
        ("/hunter/v2/email-verifier", 400),
        ("/hunter/v2/email-finder", 400),
    ],
)
async def test_a_question_about_nothing_is_refused(vendors, path, status):
    assert (await vendors.ask(path))[0] == status


async def test_zerobounce_tells_its_errors_with_status_200(vendors):
    assert await vendors.ask("/zerobounce/v2/validate") == (200, {"error": "Missing parameter: email."})
    status, body = await vendors.ask("/zerobounce/v2/validate", email="no address")
    assert (status, body["status"], body["sub_status"]) == (200, "invalid", "failed_syntax_check")


@pytest.mark.parametrize("path", list(COMPANY_PATHS))
async def test_a_vendor_fails_in_its_own_words(vendors, path):
    provider = path.split("/")[1]
    for status in (429, 500):
        assert (await vendors.http.put(f"/faults/{provider}", json={"status": status})).status_code == 200
        params = {COMPANY_PATHS[path]: "brightloom.example"}
        response = await vendors.http.get(path, params=params, headers=KEY)
        assert response.status_code == status
        assert response.headers.get("retry-after") == ("1" if status == 429 else None)
        assert {"error", "message"} & set(response.json())


@pytest.mark.parametrize(("provider", "status"), [("apollo", 429), ("hunter", 403)])
async def test_too_many_calls_in_a_second_are_turned_away(vendors, provider, status):
    path = {"apollo": "/apollo/api/v1/people/match", "hunter": "/hunter/v2/email-verifier"}[provider]
    fault = {"per_second": 3, "rate": 0}
    assert (await vendors.http.put(f"/faults/{provider}", json=fault)).status_code == 200
    method = EMAIL_PATHS[path]
    asked = await asyncio.gather(
        *(vendors.ask(path, method, email=f"p{n}@nowhere.example") for n in range(30))
    )
    assert {code for code, _ in asked} == {200, status}
    totals = (await vendors.ask("/calls"))[1]["totals"][provider]
    assert totals["calls"] == 30


async def test_the_record_of_calls_says_what_was_matched_and_billed(vendors):
    await vendors.ask("/peopledatalabs/v5/company/enrich", website="brightloom.example")
    await vendors.ask("/peopledatalabs/v5/company/enrich", website="nowhere.example")
    await vendors.ask("/hunter/v2/email-verifier", email="ana@nowhere.example")
    _, report = await vendors.ask("/calls", limit="1")
    assert [(call["path"], call["key"], call["matched"]) for call in report["data"]] == [
        ("/v2/email-verifier", "ana@nowhere.example", False)
    ]
    assert report["totals"] == {
        "hunter": {"calls": 1, "matches": 0, "billed": 1},
        "peopledatalabs": {"calls": 2, "matches": 1, "billed": 10},
    }


async def test_prices_are_those_of_the_default_policy(vendors):
    listed = load_policy(Path("config")).providers.providers
    [person, *_] = (await vendors.truth("brightloom.example"))["people"]
    for path, method in EMAIL_PATHS.items():
        await vendors.ask(path, method, email=person["email"])
    for path, param in COMPANY_PATHS.items():
        await vendors.ask(path, **{param: "brightloom.example"})
    _, report = await vendors.ask("/calls")
    assert set(report["totals"]) == set(listed)
    for call in report["data"]:
        listing = listed[call["provider"]]
        paid = listing.charged == "call" or call["matched"]
        assert call["billed"] == (listing.price_cents if paid else 0)


async def test_a_call_that_hangs_does_not_hold_up_the_end(stub_server, vendors):
    path = "/clearbit/v2/companies/find?domain=stormfall.example"
    hanging = asyncio.create_task(vendors.http.get(path, headers=KEY))
    async with asyncio.timeout(60):  # until the call is in the log, which is directly before it hangs
        while not (await vendors.http.get("/calls")).json()["data"]:
            pass
    assert not hanging.done()
    async with asyncio.timeout(20):  # less than the 30 s that it would hang
        await stub_server.stop()
        assert (await hanging).status_code == 504

"""The pages Settings and Status: keys, the data of a person, the audit trail, and what works."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.readiness import Check
from shared.worker.tables import processes
from tests.support.gateway import ADMIN_KEY, RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = '<img src=x onerror=alert(1)> "quoted"'


class Pages:
    """Somebody who is signed in."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._cookie = ""

    async def ask(self, method: str, path: str, **form: str) -> tuple[int, str]:
        headers = {"Cookie": self._cookie, "Sec-Fetch-Site": "same-origin", "Authorization": ""}
        async with self._gateway.http.request(
            method, path, data=form or None, headers=headers, allow_redirects=False
        ) as response:
            for cookie in response.headers.getall("Set-Cookie", []):
                self._cookie = cookie.partition(";")[0]
            return response.status, await response.text()

    async def sign_in(self, key: str) -> None:
        assert (await self.ask("POST", "/sign-in", key=key))[0] == 303

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        _, page = await self.ask("GET", "/status")
        token = re.search('name="csrf" content="([0-9a-f]+)"', page)
        assert token is not None
        return await self.ask("POST", path, csrf=token[1], **form)


@pytest_asyncio.fixture(loop_scope="module")
async def pages(shared_gateway: RunningGateway) -> Pages:
    pages = Pages(shared_gateway)
    await pages.sign_in(ADMIN_KEY)
    return pages


async def newest(gateway: RunningGateway, kind: str) -> dict[str, Any]:
    return dict((await gateway.ask("GET", f"/v1/audit?kind={kind}&limit=1"))[1]["data"][0])


async def test_a_key_is_shown_once_and_revoked(shared_gateway, pages):
    status, page = await pages.post("/settings/keys", name=HOSTILE, scope="rep", rep="sdr-1")
    made = re.search('value="(bk_[^"]+)"', page)
    assert made is not None
    assert (status, HOSTILE in page, html.escape("<img") in page) == (200, False, True)
    key = {"Authorization": f"Bearer {made[1]}"}
    assert (await shared_gateway.ask("GET", "/v1/me", headers=key))[1]["rep"] == "sdr-1"
    status, page = await pages.ask("GET", "/settings")
    assert "bk_" not in page
    created = await newest(shared_gateway, "api_key.created")
    assert (created["name"], created["details"]["name"]) == ("admin", HOSTILE)
    assert (await pages.post(f"/settings/keys/{created['subject']}/revoke"))[0] == 303
    assert (await shared_gateway.ask("GET", "/v1/me", headers=key))[0] == 401
    assert html.escape("<img") not in (await pages.ask("GET", "/settings"))[1]


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"name": "", "scope": "read"}, "A key needs a name and a scope"),
        ({"name": "x", "scope": "all"}, "A key needs a name and a scope"),
        ({"name": "x", "scope": "rep"}, "names its rep"),
        ({"name": "x", "scope": "rep", "rep": "nobody"}, "nobody"),
    ],
)
async def test_a_key_that_cannot_be_made_says_why(pages, form, fault):
    status, page = await pages.post("/settings/keys", **form)
    assert (status, fault in page, "bk_" in page) == (422, True, False)


async def test_a_person_is_erased_only_when_the_address_is_typed_twice(shared_gateway, pages):
    status, page = await pages.post("/settings/erase", email="ann@a.example", again="ann@b.example")
    assert (status, "nothing was erased" in page) == (422, True)
    status, page = await pages.post("/settings/erase", email="ann@a.example", again="Ann@a.example")
    assert status == 200
    assert (await newest(shared_gateway, "person.erased"))["subject"] in page
    status, exported = await pages.post("/settings/export", email="ann@a.example")
    assert (status, '"lead_ids"' in exported) == (200, True)


async def test_the_audit_trail_is_listed_in_words_and_exported(shared_gateway, pages):
    for _ in range(52):
        await shared_gateway.ask("POST", "/v1/api-keys", json={"name": HOSTILE, "scopes": ["read"]})
    status, page = await pages.ask("GET", "/settings/audit?kind=api_key.created")
    assert (status, "Created an API key" in page, "<img" in page) == (200, True, False)
    older = re.search('href="(/settings/audit[^"]+cursor[^"]+)"', page)
    assert older is not None
    assert (await pages.ask("GET", html.unescape(older[1])))[0] == 200
    status, exported = await pages.post("/settings/audit/export", kind="api_key.created")
    assert (status, exported.startswith("id,at,kind"), "audit.exported" in exported) == (200, True, False)


async def test_the_status_tells_what_fails_first(shared_gateway, pages):
    shared_gateway.resources.health.set("gateway.prune", ok=False, detail=HOSTILE)
    try:
        status, page = await pages.ask("GET", "/status")
        told = (await shared_gateway.ask("GET", "/v1/status"))[1]
    finally:
        shared_gateway.resources.health.set("gateway.prune", ok=True)
    assert (status, "not ready" in page, "<img" in page) == (200, True, False)
    assert told["ready"] is False
    assert {one["role"] for one in told["backlog"]} == {"enricher", "router", "scorer"}


@pytest.mark.parametrize("path", ["/settings", "/settings/privacy", "/settings/audit"])
async def test_only_an_admin_may_open_the_settings(shared_gateway, path):
    key = (await shared_gateway.key_headers("manager"))["Authorization"].removeprefix("Bearer ")
    pages = Pages(shared_gateway)
    await pages.sign_in(key)
    assert (await pages.ask("GET", path))[0] == 403
    assert (await pages.post("/settings/keys", name="x", scope="admin"))[0] == 403
    assert (await pages.ask("GET", "/status"))[0] == 200


async def test_the_status_tells_of_processes_that_are_gone_and_of_roles_that_nobody_runs(
    shared_gateway, pages
):
    at = shared_gateway.resources.clock.now()
    rows = {
        "router:7": (at, {"router.stream": Check(ok=True, detail="")}),
        "scorer:7": (at - timedelta(minutes=3), {"scorer.stream": Check(ok=True, detail="")}),
    }
    async with shared_gateway.database.begin() as tx:
        for name, (heard, checks) in rows.items():
            unread = {"router": {"leads.scored.v1": 41}}
            row = {"id": name, "started_at": heard, "at": heard, "checks": checks, "unread": unread}
            await tx.execute(processes.insert(), row)
    _, page = await pages.ask("GET", "/status")
    told = (await shared_gateway.ask("GET", "/v1/status"))[1]
    states = {role["role"]: role["state"] for role in told["roles"]}
    assert (states["router"], states["scorer"], states["enricher"]) == ("works", "silent", "absent")
    scored = next(topic for topic in told["topics"] if topic["topic"] == "leads.scored.v1")
    assert scored["groups"] == [{"role": "router", "unread": 41}, {"role": "ledger", "unread": None}]
    assert told["ready"] is False
    assert all(words in page for words in ("not heard of", "scorer:7", "does not run", "router 41"))

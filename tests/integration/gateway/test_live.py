"""`/live`: what the pages of a browser are told, by session cookie."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from services.gateway.event_stream.feed import StreamLimits
from services.ledger.tables import events
from shared.lead.events.envelope import Event
from tests.integration.gateway.test_event_stream import example, send
from tests.support.gateway import RunningGateway
from tests.support.server_sent import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(shared_gateway: RunningGateway) -> RunningGateway:
    shared_gateway.feed.limits = StreamLimits(check_s=0.2)
    return shared_gateway


async def signed_in(gateway: RunningGateway, key: str) -> aiohttp.ClientSession:
    """Return a browser's session of a key."""
    browser = aiohttp.ClientSession(
        f"http://127.0.0.1:{gateway.server.port}", cookie_jar=aiohttp.CookieJar(unsafe=True)
    )
    async with browser.post("/sign-in", data={"key": key}, headers=OWN_PAGE, allow_redirects=False) as answer:
        assert answer.status == 303
    return browser


async def new_key(gateway: RunningGateway, *scopes: str, rep: str | None = None) -> dict[str, Any]:
    body = {"name": "page", "scopes": scopes} | ({"rep": rep} if rep else {})
    status, made, _ = await gateway.ask("POST", "/v1/api-keys", json=body)
    assert status == 201
    return dict(made)


async def record(gateway: RunningGateway, event: Event[Any]) -> None:
    """Record an event as the ledger does."""
    row = dict.fromkeys(("revision", "sequence")) | {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "partition_key": event.key,
        "at": NOW,
        "recorded_at": NOW,
        "causation_id": "",
        "data": "{}",
    }
    async with gateway.database.begin() as tx:
        await tx.execute(events.insert(), row)


async def test_a_change_is_told_by_ids_once_the_ledger_has_recorded_it(gateway: RunningGateway) -> None:
    key = await new_key(gateway, "manager")
    async with await signed_in(gateway, key["key"]) as browser, listening(browser, "/live") as page:
        late, early = (
            example("lead.routed", lead_id="late"),
            example("lead.routed", lead_id="early", queue="bdr"),
        )
        await send(gateway, late, early)
        await record(gateway, early)
        await page.count(2)
        await record(gateway, late)
        await page.count(4)
        assert page.events == [
            ("lead", {"id": "early"}),
            ("queue", {"id": "bdr"}),
            ("lead", {"id": "late"}),
            ("queue", {"id": "sdr"}),
        ]
        position = page.last_id
        await page.until(lambda page: page.last_id != position or bool(page.last_id))
    async with await signed_in(gateway, key["key"]) as browser:
        after = position.replace(";", "%3B")
        async with listening(browser, f"/live?after={after}") as page:
            event = example("lead.closed", lead_id="third")
            await send(gateway, event)
            await record(gateway, event)
            await page.until(lambda page: ("lead", {"id": "third"}) in page.events)


async def test_a_rep_is_told_of_own_leads_only(gateway: RunningGateway) -> None:
    key = await new_key(gateway, "rep", rep="ae-1")
    async with await signed_in(gateway, key["key"]) as browser, listening(browser, "/live") as page:
        for event in (
            example("lead.routed", lead_id="theirs", owner="ae-2"),
            example("lead.routed", lead_id="own", owner="ae-1"),
        ):
            await send(gateway, event)
            await record(gateway, event)
        await page.count(2)
        assert page.events == [("lead", {"id": "own"}), ("queue", {"id": "sdr"})]


async def test_a_policy_that_is_applied_is_told(gateway: RunningGateway) -> None:
    key = await new_key(gateway, "read")
    async with await signed_in(gateway, key["key"]) as browser, listening(browser, "/live") as page:
        team = Path("config/team.yaml").read_text().replace("max_open: 25", "max_open: 26")
        await gateway.apply_policy(team=team)
        ((name, _),) = await page.count(1)
        assert name == "policy"
    await gateway.apply_policy()


async def test_it_ends_when_the_key_of_the_session_is_revoked(gateway: RunningGateway) -> None:
    key = await new_key(gateway, "read")
    async with await signed_in(gateway, key["key"]) as browser, listening(browser, "/live") as page:
        await gateway.ask("DELETE", f"/v1/api-keys/{key['id']}")
        await page.end()
        async with browser.get("/live", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2Flive")


async def test_a_key_in_a_header_is_no_session(gateway: RunningGateway) -> None:
    async with gateway.http.get("/live", allow_redirects=False) as answer:
        assert answer.status == 303

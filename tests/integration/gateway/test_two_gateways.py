"""Two gateways at once: a session of one holds at the other, and what changes at one is told by the other."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import aiohttp

from services.gateway.event_stream.feed import StreamLimits
from tests.integration.gateway.test_event_stream import example, send
from tests.integration.gateway.test_live import OWN_PAGE, new_key, record, signed_in
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import running_gateway
from tests.support.scored_leads import AT
from tests.support.server_sent import listening


async def test_what_one_gateway_does_holds_at_the_other(tmp_path: Path) -> None:
    clock = FixedClock(AT)
    async with running_gateway(tmp_path, clock) as first, first.another() as second:
        await first.apply_policy()
        second.feed.limits = StreamLimits(check_s=0.2)
        key = await new_key(first, "admin")
        there = f"http://127.0.0.1:{second.server.port}"
        async with (
            await signed_in(first, key["key"]) as browser,
            aiohttp.ClientSession(there, cookie_jar=browser.cookie_jar) as elsewhere,
        ):
            # Signed in at one: the page of the other opens, and a form of the one is taken by the other.
            async with browser.get("/settings") as answer:
                token = re.search('name="csrf" content="([0-9a-f]+)"', await answer.text())
            assert token is not None
            form = {"csrf": token[1], "name": "of the other", "scope": "read"}
            async with elsewhere.post("/settings/keys", data=form, headers=OWN_PAGE) as answer:
                assert answer.status == 200, await answer.text()
            clock.advance(timedelta(seconds=10))
            async with browser.get("/settings") as answer:
                assert "of the other" in await answer.text()

            async with listening(elsewhere, "/live") as page:
                event = example("lead.routed", lead_id="told-at-one")
                await send(first, event)
                await record(first, event)
                await page.until(lambda page: ("lead", {"id": "told-at-one"}) in page.events)
                team = Path("config/team.yaml").read_text().replace("max_open: 25", "max_open: 26")
                await first.apply_policy(team=team)
                await page.until(lambda page: any(name == "policy" for name, _ in page.events))
                # A key that is revoked at one ends its sessions at the other.
                assert (await first.ask("DELETE", f"/v1/api-keys/{key['id']}"))[0] < 300
                clock.advance(timedelta(seconds=10))
                await page.end()
            async with elsewhere.get("/settings", allow_redirects=False) as answer:
                assert answer.status == 303

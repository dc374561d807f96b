"""What pages and lists cost where 100,000 leads are stored: statements, rows, bytes and nodes, never seconds.

One seeded database of each kind serves every test of this module.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from msgspec import Struct
from sqlalchemy import select, text

from services.ledger.tables import lead_views
from services.router.tables import deliveries
from services.tables import metadata
from tests.integration.gateway.test_console_policy import Person, sign_in
from tests.support.console_pages import CONSOLE_FRAGMENTS, CONSOLE_PAGES, HTML_BYTES_MAX
from tests.support.databases import create_tables
from tests.support.gateway import RunningGateway, running_gateway
from tests.support.lived_leads import LivedLeads, live_leads
from tests.support.many_leads import store_many_leads
from tests.support.read_rows import ReadRows, rows_read
from tests.support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEADS: Final = 100_000
STATEMENTS_MAX: Final = 6
NODES_MAX: Final = 1_500
FRAGMENT_BYTES_MAX: Final = 6_000
ROWS_READ_MAX: Final = 6_000
"""Per request. Most is read for the health of endpoints: their latest 5,000 attempts."""
UNBOUNDED: Final = {
    "/leads?queue=sdr&grade=A1": "each filter has an index, the two together have none",
    "/v1/leads?band=sql&owner=sdr-1": "each filter has an index, the two together have none",
    "/v1/reps": "the rejections of 90 days are counted by rep and reason",
}
"""What may read more rows, and why."""

SMALL: Final = {
    "api_keys",
    "backtests",
    "counter_deltas",
    "ignored_items",
    "outbox",
    "poll_sources",
    "policies",
    "policy_drafts",
    "provider_budget",
    "provider_spend",
    "processes",
    "provider_states",
    "read_topics",
    "rep_availability",
    "rep_queues",
    "router_queues",
    "router_reps",
    "sign_in_links",
    "subscriptions",
}
"""Tables with a row for each thing that people set up, for each day, or for what happened in the last moments."""
GROWING: Final = metadata.tables.keys() - SMALL

PAGES: Final = (
    *CONSOLE_PAGES,
    "/?q=castellan",
    "/?tab=all",
    "/?tab=waiting",
    "/?tab=accepted",
    "/?owner=ae-1",
    "/leads?queue=sdr&grade=A1",
    "/leads?status=suppressed",
    "/leads?band=sql",
    "/leads?rule=fits&owner=sdr-1",
    "/accounts?filter=qualified",
    "/deliveries?tab=all",
    "/deliveries?tab=all&delivery={delivery}",
    "/deliveries?tab=failed&delivery={failed}",
    "/deliveries?tab=all&event=lead.routed",
    "/flow?step=rule:fits",
    "/flow?policy={version}&compare={version}&step=rule:fits&lead={lead}",
    "/report?period=90d",
)
FRAGMENTS: Final = (*CONSOLE_FRAGMENTS, "/find?q=ledgerlane")
LISTS: Final = (
    "/v1/leads",
    "/v1/leads?status=suppressed",
    "/v1/leads?status=routed",
    "/v1/leads?status=received",
    "/v1/leads?status=dead_lettered",
    "/v1/leads?band=sql",
    "/v1/leads?band=sql&owner=sdr-1",
    "/v1/leads?motion=nurture",
    "/v1/leads?motion=work&grade=A1",
    "/v1/leads?reason=spam",
    "/v1/leads?account={account}",
    "/v1/leads?email={email}",
    "/v1/leads/{lead}",
    "/v1/leads/{lead}/timeline",
    "/v1/leads/{lead}/explain",
    "/v1/inbox",
    "/v1/inbox?owner=sdr-1",
    "/v1/search?q=castellan",
    "/v1/search?q=ana",
    "/v1/search?q={email}",
    "/v1/search?q=ledgerlane",
    "/v1/queues",
    "/v1/queues/sdr",
    "/v1/queues/sdr/leads",
    "/v1/reps",
    "/v1/accounts",
    "/v1/accounts/{account}",
    "/v1/deliveries",
    "/v1/deliveries?state=failed",
    "/v1/deliveries/endpoints",
    "/v1/dead-letters",
    "/v1/audit",
    "/v1/status",
    "/v1/reports/summary",
    "/v1/reports/attention",
    "/v1/reports/roles",
    "/v1/reports/capacity",
    "/v1/reports/fairness",
    "/v1/reports/scores",
    "/v1/reports/sources",
    "/v1/reports/flow",
    "/v1/reports/providers",
)


class Stored(Struct, frozen=True):
    """A gateway on a database of many leads, somebody who is signed in, and names to ask for."""

    gateway: RunningGateway
    admin: Person
    names: dict[str, str]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedLeads:
    return asyncio.run(live_leads(tmp_path_factory.mktemp("lived"), Path("config")))


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)],
)
async def stored(
    request: pytest.FixtureRequest, lived: LivedLeads, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stored]:
    folder = tmp_path_factory.mktemp("many")
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    url = await postgres.create_database() if postgres else f"sqlite+aiosqlite:///{folder / 'tables.db'}"
    try:
        await create_tables(url)
        await store_many_leads(url, lived, LEADS, now=datetime.now(UTC), whole=False)
        async with running_gateway(folder, BATON_DATABASE_URL=url) as gateway:
            await gateway.apply_policy()
            yield Stored(gateway, await sign_in(gateway), await _names(gateway))
    finally:
        if postgres:
            await postgres.drop_database(url)


async def _names(gateway: RunningGateway) -> dict[str, str]:
    """Return a lead, its account and address, a delivery, a failed one and the version of the policy."""
    newest = select(lead_views).where(lead_views.c.status == "routed").order_by(lead_views.c.first_at.desc())
    failed = select(deliveries.c.id).where(deliveries.c.state == "failed")
    async with gateway.database.read() as tx:
        view = (await tx.execute(newest.limit(1))).mappings().one()
        delivery = await tx.execute(select(deliveries.c.id).where(deliveries.c.lead_id == view["lead_id"]))
        letters = await tx.execute(failed.order_by(deliveries.c.created_at.desc()).limit(1))
        version = await tx.execute(text("SELECT version FROM policies"))
        return {
            "lead": view["lead_id"],
            "account": view["account"],
            "email": view["email"],
            "delivery": delivery.scalars().first(),
            "failed": letters.scalar_one(),
            "version": version.scalars().first(),
        }


def _told(asked: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Leave out how a transaction begins, and what is read each few seconds: API keys, the policy in force."""
    left_out = r"^BEGIN|^set transaction|FROM api_keys|max\(policies.activation\)"
    return [one for one in asked if not re.search(left_out, one[0])]


def _assert_bounded(found: list[ReadRows], path: str) -> None:
    for one in found:
        assert not GROWING & set(one.scanned), f"{one.scanned} without an index:\n{one.statement}"
    read = sum(one.read for one in found)
    assert path in UNBOUNDED or read <= ROWS_READ_MAX, (read, [(one.read, one.statement) for one in found])


@pytest.mark.parametrize("page", [*PAGES, *FRAGMENTS])
async def test_a_page_stays_within_its_budget(stored: Stored, page: str):
    is_fragment = page in FRAGMENTS
    with statements() as asked:
        headers = {"HX-Request": "true"} if is_fragment else {}
        status, html = await stored.admin.get(page.format(**stored.names), **headers)
    assert status == 200, html[:500]
    told = _told(asked)
    assert len(told) <= STATEMENTS_MAX, "\n".join(statement for statement, _ in told)
    assert len(gzip.compress(html.encode())) <= (FRAGMENT_BYTES_MAX if is_fragment else HTML_BYTES_MAX)
    assert len(re.findall("<[a-z]", html)) <= NODES_MAX
    _assert_bounded(await rows_read(stored.gateway.database, told), page)


@pytest.mark.parametrize("path", LISTS)
async def test_the_api_goes_through_no_whole_table(stored: Stored, path: str):
    with statements() as asked:
        status, body, _ = await stored.gateway.ask("GET", path.format(**stored.names))
    assert status == 200, body
    _assert_bounded(await rows_read(stored.gateway.database, _told(asked)), path)

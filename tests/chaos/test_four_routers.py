"""Four router processes on one PostgreSQL assign 20,000 leads with two of them killed on the way."""

from __future__ import annotations

import pytest

from tests.support.databases import create_tables
from tests.support.four_routers import check_four_routers


@pytest.mark.chaos
@pytest.mark.postgres
@pytest.mark.timeout(7200)
async def test_no_double_owner_exact_credits_fair_shares(postgres_url):
    await create_tables(postgres_url)
    await check_four_routers(postgres_url, leads=20_000)

"""Fixtures of the gateway's integration tests; `gateway` itself is a fixture of all integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.gateway import RunningGateway, running_gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningGateway]:
    """One gateway for all tests of a module, which must not depend on what others of them store.

    The module says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
    """
    directory = tmp_path_factory.mktemp("gateway")
    async with running_gateway(directory, BATON_EGRESS_ALLOW="127.0.0.0/8") as running:
        await running.apply_policy()
        yield running

"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.gateway import RunningGateway, running_gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on the embedded stream, with the policy of `config`; webhooks may go to this machine."""
    async with running_gateway(tmp_path, BATON_EGRESS_ALLOW="127.0.0.0/8") as running:
        await running.apply_policy()
        yield running

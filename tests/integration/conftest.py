"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.clock import FixedClock
from shared.messaging.embedded import EmbeddedStream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.storage.database import Database
from shared.web.ops import Health
from shared.worker.role import Resources
from tests.support.databases import database, database_url
from tests.support.delivery_world import PARTITIONS, SECRET, DeliveryWorld
from tests.support.gateway import RunningGateway, running_gateway
from tests.support.routing_policies import StandingPolicy
from tests.support.scored_leads import AT

__all__ = ["database", "database_url"]


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[DeliveryWorld]:
    """The delivery role, not running yet: `async with world.delivering()` runs it."""
    clock = FixedClock(AT)
    stream = EmbeddedStream(
        tmp_path / "stream", prefix="baton", partitions=PARTITIONS, retention_days=7, clock=clock
    )
    await stream.open()
    resources = Resources(
        clock=clock,
        database=database,
        stream=stream,
        policy=StandingPolicy(database),
        health=Health(),
        metrics=Metrics(),
        tracing=Tracing(None),
        secret=SECRET,
        partitions=PARTITIONS,
    )
    world = DeliveryWorld(resources, clock)
    yield world
    for runner in world.runners:
        await runner.cleanup()
    await stream.close()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on the embedded stream, with the policy of `config`; webhooks may go to this machine."""
    async with running_gateway(tmp_path, BATON_EGRESS_ALLOW="127.0.0.0/8") as running:
        await running.apply_policy()
        yield running

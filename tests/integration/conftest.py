"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from services.tables import metadata
from shared.clock import Clock
from shared.health import Health
from shared.messaging.embedded import EmbeddedStream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.storage.database import Database
from shared.worker.role import Resources
from tests.support.databases import create_tables
from tests.support.delivery_world import PARTITIONS, SECRET, DeliveryWorld
from tests.support.fixed_clock import FixedClock
from tests.support.gateway import RunningGateway, running_gateway
from tests.support.routing_policies import StandingPolicy
from tests.support.scored_leads import AT
from tests.support.toy_role import add_table


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a fresh database with every table, on SQLite and on PostgreSQL."""
    if request.param == "postgres":
        url = await request.getfixturevalue("postgres").create_database()
    else:
        url = f"sqlite+aiosqlite:///{tmp_path / 'tables.db'}"
    await create_tables(url)
    yield url
    if request.param == "postgres":
        await request.getfixturevalue("postgres").drop_database(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database with every table."""
    database = Database(database_url)
    yield database
    await database.close()


class GatewayStarter(Protocol):
    """The fixture `start_gateway`."""

    async def __call__(self, clock: Clock | None = None, **environ: str) -> RunningGateway: ...


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
async def start_gateway(tmp_path: Path) -> AsyncIterator[GatewayStarter]:
    """Starts a gateway without a policy on the embedded stream; it is stopped at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(clock: Clock | None = None, **environ: str) -> RunningGateway:
            return await stack.enter_async_context(running_gateway(tmp_path, clock, **environ))

        yield start


@pytest.fixture
async def gateway(start_gateway: GatewayStarter) -> RunningGateway:
    """A gateway on the embedded stream, with the policy of `config`; webhooks may go to this machine."""
    running = await start_gateway(BATON_EGRESS_ALLOW="127.0.0.0/8")
    await running.apply_policy()
    return running


@pytest.fixture
def toy_table() -> Iterator[None]:
    """The table of the toy role is among the tables while a test runs."""
    table = add_table()
    yield
    metadata.remove(table)

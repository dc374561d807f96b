"""Fixtures that every test may ask for: real services, started when the first test wants them."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings

from services.provider_stubs.bootstrap import StubServer
from shared.clock import SystemClock
from shared.settings import StubsSettings, load
from tests.support.api import Api
from tests.support.receiver import Receiver
from tests.support.services.chromium import chromium_path
from tests.support.services.debian import ServiceUnavailable
from tests.support.services.kafka import Kafka, KafkaBroker
from tests.support.services.postgres import Postgres, PostgresServer
from tests.support.topology import Topology

# How long an example takes says more about the machine than about the code.
settings.register_profile(
    "baton", settings(), deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
# Mutation tests ask thousands of times whether any example fails: always the same ones, and not made smaller.
settings.register_profile(
    "mutants",
    settings.get_profile("baton"),
    max_examples=20,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("baton")


# One seed for all random choices of the fault tests in a run; give it again to repeat them.
SEED = os.environ.get("BATON_TEST_SEED") or str(random.SystemRandom().randrange(1_000_000_000))


def pytest_configure() -> None:
    """Hand the seed on to the worker processes of pytest-xdist, so that a run has one."""
    os.environ["BATON_TEST_SEED"] = SEED


def pytest_report_header() -> str:
    """Print the seed at the top of every run."""
    return f"fault tests: BATON_TEST_SEED={SEED}"


@pytest.fixture
def fault_random(request: pytest.FixtureRequest) -> random.Random:
    """Random choices of a fault test; they depend on BATON_TEST_SEED and the test's name alone."""
    print(f"BATON_TEST_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.nodeid}")


class _Startable(Protocol):
    def start(self) -> None: ...
    def remove(self) -> None: ...


S = TypeVar("S", bound=_Startable)
T = TypeVar("T")


def _had(service: Callable[[], T]) -> T:
    """Return the service, or skip the test that asks for it; in CI a service may not be missing."""
    try:
        return service()
    except ServiceUnavailable as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def _running(make: Callable[[], S]) -> Iterator[S]:
    server = _had(make)
    try:
        _had(server.start)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka | KafkaBroker]:
    """A running broker, shared: use topic names of your own, and do not stop it."""
    if address := os.environ.get("BATON_TEST_KAFKA"):
        yield Kafka(address)
        return
    yield from _running(KafkaBroker)


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[KafkaBroker]:
    """A running broker that the tests of one module may stop, kill and start."""
    yield from _running(KafkaBroker)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server, shared: use databases of your own, and do not stop it."""
    if url := os.environ.get("BATON_TEST_DATABASE_URL"):
        yield Postgres(url)
        return
    yield from _running(PostgresServer)


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A running server that the tests of one module may stop, kill and start."""
    yield from _running(PostgresServer)


@pytest.fixture
async def postgres_url(postgres: Postgres) -> AsyncIterator[str]:
    """The URL of a fresh, empty database."""
    url = await postgres.create_database()
    yield url
    await postgres.drop_database(url)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Chromium's program."""
    return _had(chromium_path)


@pytest.fixture
async def stub_server() -> AsyncIterator[StubServer]:
    """The provider stubs, served on a free port; their world is the same in every test."""
    server = StubServer(SystemClock(), load(StubsSettings, {"BATON_STUBS_PORT": "0"}))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def stubs_url(stub_server: StubServer) -> str:
    """The base URL of the provider stubs."""
    return f"http://127.0.0.1:{stub_server.port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook endpoint on this machine that verifies signatures and remembers what it got."""
    endpoint = Receiver()
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def api(baton: Topology) -> Iterator[Api]:
    """The HTTP API of the Baton under test, with the administrator's key."""
    with baton.client() as http:
        yield Api(http)

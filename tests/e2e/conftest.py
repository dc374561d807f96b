"""One Baton per topology for the tests of a module, with a subscriber."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.receiver import Receiver
from tests.support.topology import Topology


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("grown", marks=[pytest.mark.kafka, pytest.mark.postgres])],
)
def topology(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        made = Topology(folder)
    else:
        broker = request.getfixturevalue("kafka")
        database = asyncio.run(request.getfixturevalue("postgres").create_database())
        prefix = f"t{uuid.uuid4().hex[:10]}"
        made = Topology(
            folder, stream_url=f"kafka://{broker.bootstrap}", database_url=database, prefix=prefix
        )
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def api(topology: Topology) -> Iterator[Api]:
    with topology.client() as http:
        yield Api(http)


@pytest.fixture(scope="module")
def subscriber(api: Api) -> Iterator[Receiver]:
    """A webhook endpoint that is subscribed to all events of leads."""
    endpoint = Receiver()
    endpoint.secret = api.subscribe(endpoint.url, "lead.*")["secret"]
    yield endpoint
    endpoint.close()

"""Every golden lead on both topologies, in any order, each alone and all together, on fresh databases.

`make test` plays all of them in a random order and a few of them alone, with every role in one process, and
`test_up` plays them in the order of the file; `make chaos` plays each alone, and all on processes of their own.
BATON_TEST_SEED repeats an order.
"""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.cli.demo.cases import GoldenCase, golden_cases
from tests.support.golden import assert_held, backtest_of, in_this_process, play_all
from tests.support.services.kafka import Kafka, KafkaBroker
from tests.support.services.postgres import Postgres
from tests.support.topology import Topology

CASES = golden_cases()
SEED = int(os.environ.get("BATON_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
ALONE_IN_SHORT = 5


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Topology]:
    topology = Topology(tmp_path)
    yield topology
    topology.remove()


@pytest.fixture
async def grown(tmp_path: Path, kafka: Kafka | KafkaBroker, postgres: Postgres) -> AsyncIterator[Topology]:
    topology = Topology(
        tmp_path,
        stream_url=f"kafka://{kafka.bootstrap}",
        database_url=await postgres.create_database(),
        prefix=f"t{uuid.uuid4().hex[:10]}",
    )
    yield topology
    topology.remove()


@pytest.fixture(
    params=["embedded", pytest.param("grown", marks=[pytest.mark.kafka, pytest.mark.postgres])],
)
def topology(request: pytest.FixtureRequest) -> Topology:
    return request.getfixturevalue(request.param)


async def test_all_together_shuffled(topology: Topology):
    cases = list(CASES)
    print(f"BATON_TEST_SEED={SEED}")
    random.Random(SEED).shuffle(cases)
    async with in_this_process(topology):
        assert_held(await play_all(topology, cases))
        for candidate in ("active", "recorded"):
            report = await backtest_of(topology, candidate)
            assert report["leads"] > 20
            assert (report["moved"], report["other_owner"], report["queues"]) == (0, 0, [])
            assert report["replay"]["otherwise"] == 0, report


@pytest.mark.chaos
@pytest.mark.parametrize("order", ["file", "shuffled"])
def test_all_together_on_processes_of_their_own(topology: Topology, order: str):
    cases = list(CASES)
    if order == "shuffled":
        print(f"BATON_TEST_SEED={SEED}")
        random.Random(SEED).shuffle(cases)
    topology.start()
    assert_held(asyncio.run(play_all(topology, cases)))
    assert set(topology.stop()) == {0}


@pytest.mark.parametrize("nth", range(ALONE_IN_SHORT))
async def test_alone(embedded: Topology, nth: int):
    case = random.Random(SEED).sample(CASES, ALONE_IN_SHORT)[nth]
    print(f"BATON_TEST_SEED={SEED}: {case.name}")
    async with in_this_process(embedded):
        assert_held(await play_all(embedded, [case]))


@pytest.mark.chaos
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_alone(topology: Topology, case: GoldenCase):
    async with in_this_process(topology):
        assert_held(await play_all(topology, [case]))

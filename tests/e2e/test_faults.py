"""Baton under load while it is killed: the short form of `tests/chaos`, on both topologies."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.faults import FAILPOINTS, die_at, kill, kill_at_random
from tests.support.invariants import settled
from tests.support.load import Load
from tests.support.receiver import Receiver
from tests.support.services.kafka import KafkaBroker
from tests.support.services.postgres import PostgresServer
from tests.support.topology import Topology

_AWAY_S = 1.0


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Topology]:
    topology = Topology(tmp_path)
    try:
        topology.start()
        yield topology
    finally:
        topology.remove()


@pytest.fixture
def grown(tmp_path: Path, own_kafka: KafkaBroker, own_postgres: PostgresServer) -> Iterator[Topology]:
    topology = Topology(
        tmp_path,
        stream_url=f"kafka://{own_kafka.bootstrap}",
        database_url=asyncio.run(own_postgres.create_database()),
        prefix=f"t{uuid.uuid4().hex[:10]}",
        extra={"BATON_OUTBOX_SWEEP_S": "5"},
    )
    try:
        topology.start()
        yield topology
    finally:
        topology.remove()


def subscribed(topology: Topology, receiver: Receiver) -> None:
    with topology.client() as http:
        receiver.secret = Api(http).subscribe(receiver.url, "lead.*")["secret"]


def load_on(topology: Topology, **more: float) -> Load:
    return Load(topology.url, topology.secrets.admin_key, **more)  # type: ignore[arg-type]


def test_kills_of_the_one_process_lose_and_double_nothing(
    embedded: Topology, receiver: Receiver, fault_random: random.Random
):
    subscribed(embedded, receiver)
    (process,) = embedded.processes
    with load_on(embedded) as load:
        for _ in range(3):
            kill_at_random(process, load, fault_random)
        for name in FAILPOINTS:
            die_at(process, name, fault_random.randint(1, 8))
        process.start()
        load.await_accepted(5)
    assert not load.refused
    settled(embedded, load.accepted, receiver)


@pytest.mark.kafka
@pytest.mark.postgres
def test_kills_of_a_role_the_broker_and_the_database_lose_and_double_nothing(
    grown: Topology,
    receiver: Receiver,
    own_kafka: KafkaBroker,
    own_postgres: PostgresServer,
    fault_random: random.Random,
):
    subscribed(grown, receiver)
    with load_on(grown, per_s=10) as load:
        load.await_accepted(20)
        roles = ("enricher", "scorer", "router")
        kill(fault_random.choice([process for role in roles for process in grown.named(role)]))
        for server in (own_kafka, own_postgres):
            load.await_accepted(20)
            server.kill()
            time.sleep(_AWAY_S)
            server.start()
        load.await_accepted(20)
    assert not load.refused
    settled(grown, load.accepted, receiver)

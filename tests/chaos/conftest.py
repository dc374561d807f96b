"""Baton on both topologies, to be killed for minutes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.receiver import Receiver
from tests.support.services.kafka import KafkaBroker
from tests.support.services.postgres import PostgresServer
from tests.support.topology import Topology


@pytest.fixture
def embedded(tmp_path: Path, receiver: Receiver) -> Iterator[Topology]:
    """Every role in one process, with a subscriber."""
    yield from _running(Topology(tmp_path), receiver)


@pytest.fixture
def grown(
    tmp_path: Path, own_kafka: KafkaBroker, own_postgres: PostgresServer, receiver: Receiver
) -> Iterator[Topology]:
    """Two processes of each role, on a broker and a database of their own, with a subscriber."""
    topology = Topology(
        tmp_path,
        stream_url=f"kafka://{own_kafka.bootstrap}",
        database_url=asyncio.run(own_postgres.create_database()),
        prefix=f"t{uuid.uuid4().hex[:10]}",
        copies=2,
        extra={"BATON_OUTBOX_SWEEP_S": "5"},
    )
    yield from _running(topology, receiver)


def _running(topology: Topology, receiver: Receiver) -> Iterator[Topology]:
    try:
        topology.start()
        with topology.client() as http:
            receiver.secret = Api(http).subscribe(receiver.url, "lead.*")["secret"]
        yield topology
    finally:
        topology.remove()

"""Two processes of each role on Kafka and PostgreSQL under load: whatever dies, nothing is lost or doubled."""

from __future__ import annotations

import random
import time

import pytest

from tests.support.faults import FAILPOINTS, die_at, freeze, kill, restart
from tests.support.invariants import settled
from tests.support.load import Load
from tests.support.receiver import Receiver
from tests.support.services.kafka import KafkaBroker
from tests.support.services.postgres import PostgresServer
from tests.support.topology import Topology

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(7200)]

_ROLES = ("enricher", "scorer", "router", "ledger")
_KILLED = ("gateway", *_ROLES)
_SETTLES_WITHIN_S = 1800
_FROZEN_S = 20.0  # longer than a session of the group: others take over, and then it wakes up
_MORE = 30


def loaded(topology: Topology) -> Load:
    return Load(topology.url, topology.secrets.admin_key, per_s=12)


def test_each_role_killed_in_turn(grown: Topology, receiver: Receiver):
    with loaded(grown) as load:
        for role in _KILLED:
            load.await_accepted(_MORE)
            kill(grown.named(role)[0])
        load.await_accepted(_MORE)
    assert not load.refused
    settled(grown, load.accepted, receiver, within_s=_SETTLES_WITHIN_S)


@pytest.mark.parametrize("role", _ROLES)
def test_death_at_every_failpoint(
    grown: Topology, receiver: Receiver, fault_random: random.Random, role: str
):
    process = fault_random.choice(grown.named(role))
    with loaded(grown) as load:
        for failpoint in FAILPOINTS:
            die_at(process, failpoint, fault_random.randint(1, 6))
        process.start()
        process.await_ready()
        load.await_accepted(_MORE)
    assert not load.refused
    settled(grown, load.accepted, receiver, within_s=_SETTLES_WITHIN_S)


def test_a_rebalance_in_the_middle_of_a_batch(grown: Topology, receiver: Receiver):
    with loaded(grown) as load:
        for role in _ROLES:
            load.await_accepted(_MORE)
            restart(grown.named(role)[1])
        freeze(grown.named("router")[0], _FROZEN_S)
        freeze(grown.named("enricher")[0], _FROZEN_S)
        load.await_accepted(_MORE)
    assert not load.refused
    settled(grown, load.accepted, receiver, within_s=_SETTLES_WITHIN_S)


def test_the_broker_and_the_database_killed_and_started_again(
    grown: Topology,
    receiver: Receiver,
    own_kafka: KafkaBroker,
    own_postgres: PostgresServer,
    fault_random: random.Random,
):
    with loaded(grown) as load:
        for server in (own_kafka, own_postgres, own_postgres, own_kafka):
            load.await_accepted(_MORE, within_s=1200)
            server.kill()
            time.sleep(fault_random.uniform(0.5, 5))
            server.start()
        load.await_accepted(_MORE, within_s=1200)
    assert not load.refused
    settled(grown, load.accepted, receiver, within_s=_SETTLES_WITHIN_S)

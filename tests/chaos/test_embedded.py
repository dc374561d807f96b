"""`baton up` under load, killed at random moments and at every place where a crash must not matter."""

from __future__ import annotations

import random

import pytest

from tests.support.faults import FAILPOINTS, die_at, kill_at_random
from tests.support.invariants import settled
from tests.support.load import Load
from tests.support.receiver import Receiver
from tests.support.topology import Topology

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

_KILLS = 20
_SETTLES_WITHIN_S = 1800


def test_twenty_kills_at_random_moments(embedded: Topology, receiver: Receiver, fault_random: random.Random):
    (process,) = embedded.processes
    with Load(embedded.url, embedded.secrets.admin_key) as load:
        for _ in range(_KILLS):
            kill_at_random(process, load, fault_random)
        load.await_accepted(20)
    assert not load.refused
    settled(embedded, load.accepted, receiver, within_s=_SETTLES_WITHIN_S)


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_death_at_a_failpoint(embedded: Topology, receiver: Receiver, failpoint: str):
    (process,) = embedded.processes
    with Load(embedded.url, embedded.secrets.admin_key) as load:
        for nth in (1, 2, 5, 12):
            die_at(process, failpoint, nth)
        process.start()
        load.await_accepted(20)
    assert not load.refused
    settled(embedded, load.accepted, receiver, within_s=_SETTLES_WITHIN_S)

"""One Baton on the embedded default for the cases of a module, with a clock that a test can move.

A module that needs other policy files defines its own `policy_dir`, from `default_policy_dir`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver
from tests.support.topology import Topology

_CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def default_policy_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the default policy, which a module may change before Baton starts."""
    folder = tmp_path_factory.mktemp("policy") / "config"
    shutil.copytree(_CONFIG, folder)
    return folder


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The policy files that Baton starts with."""
    return default_policy_dir


@pytest.fixture(scope="module")
def moved_clock(tmp_path_factory: pytest.TempPathFactory) -> MovedClock:
    """The clock of the running Baton."""
    return MovedClock(tmp_path_factory.mktemp("clock") / "offset")


@pytest.fixture(scope="module")
def baton(
    policy_dir: Path, moved_clock: MovedClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Topology]:
    """All roles in one process, on a database of this module."""
    topology = Topology(
        tmp_path_factory.mktemp("baton"),
        extra={"BATON_POLICY_DIR": str(policy_dir), "BATON_CLOCK_FILE": str(moved_clock.file)},
    )
    try:
        topology.start()
        yield topology
    finally:
        topology.remove()


@pytest.fixture(scope="module")
def receiver(api: Api, moved_clock: MovedClock) -> Iterator[Receiver]:
    """A webhook endpoint that is subscribed to all events of leads."""
    endpoint = Receiver(moved_clock.now)
    endpoint.secret = api.subscribe(endpoint.url, "lead.*")["secret"]
    yield endpoint
    endpoint.close()

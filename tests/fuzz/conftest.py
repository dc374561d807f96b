"""One Baton on the embedded default for the tests of a module, with sources that take as much as the tests send."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.topology import Topology

_CONFIG = Path(__file__).parents[2] / "config"
_SOURCES = """
sources:
  website:
    kind: form
    public: true
    origins: ["*"]
    redirects: ["https://www.example.com/"]
    limits: {per_minute: 1000000, per_address_per_minute: 1000000}
  notices: {kind: signal, public: true}
"""


@pytest.fixture(scope="module")
def policy_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default policy with the sources above."""
    folder = tmp_path_factory.mktemp("policy") / "config"
    shutil.copytree(_CONFIG, folder)
    (folder / "sources.yaml").write_text(_SOURCES)
    return folder


@pytest.fixture(scope="module")
def database_url() -> str:
    """The database, SQLite in the folder of a module's Baton unless the module says otherwise."""
    return ""


@pytest.fixture(scope="module")
def baton(
    policy_dir: Path, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Topology]:
    """All roles in one process, on a database of this module."""
    environ = {"BATON_POLICY_DIR": str(policy_dir), "BATON_TRUSTED_PROXIES": "127.0.0.0/8"}
    topology = Topology(tmp_path_factory.mktemp("baton"), database_url=database_url, extra=environ)
    try:
        topology.start()
        yield topology
    finally:
        topology.remove()

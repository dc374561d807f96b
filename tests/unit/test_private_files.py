"""Files with personal data are for their owner alone, whatever the umask and the folder around them."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.private_files import make_private_database, make_private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], autouse=True)
def umask(request) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_new_folder_is_for_its_owner_alone(tmp_path):
    folder = tmp_path / "deep" / "data"
    make_private_folder(folder)
    assert mode(folder) == 0o700


def test_an_existing_folder_is_taken_from_the_others(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    make_private_folder(folder)
    assert mode(folder) == 0o700


def test_a_folder_that_is_shared_by_design_stays_as_it_is(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    make_private_folder(folder)
    assert mode(folder) == 0o1777


@pytest.mark.parametrize("existing", [False, True])
def test_a_database_and_the_files_beside_it_are_for_their_owner_alone(tmp_path, existing):
    tmp_path.chmod(0o777)
    file = tmp_path / "tables.db"
    if existing:
        for suffix in ("", "-wal", "-shm"):
            beside = file.with_name(file.name + suffix)
            beside.touch()
            beside.chmod(0o666)
    make_private_database(file)
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert {mode(found) for found in files} == {0o600}
    connection.close()


def test_a_missing_folder_is_left_to_sqlite(tmp_path):
    make_private_database(tmp_path / "nowhere" / "tables.db")
    assert list(tmp_path.iterdir()) == []


_CHANGE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO t VALUES (2)")
connection.commit()
connection.close()
"""


def test_a_database_in_use_keeps_its_locks(tmp_path: Path):
    file = tmp_path / "tables.db"
    make_private_database(file)
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        make_private_database(file)
        subprocess.run([sys.executable, "-c", _CHANGE, str(file)], check=True)
        assert file.with_name("tables.db-wal").exists(), "it is still in use"
        assert connection.execute("SELECT n FROM t").fetchall() == [(2,)]
    finally:
        connection.close()

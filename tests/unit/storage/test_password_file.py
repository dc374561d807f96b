"""The password of the database that comes with Baton."""

from __future__ import annotations

import os
from pathlib import Path

from shared.storage.password_file import CLIENT_FILE, SERVER_FILE, ensure

PLACE = "postgres:5432:baton:baton"


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_server_and_clients_get_the_same_password(tmp_path: Path):
    ensure(tmp_path, PLACE, os.urandom)
    password = (tmp_path / SERVER_FILE).read_text()
    assert len(password) >= 40
    assert (tmp_path / CLIENT_FILE).read_text() == f"{PLACE}:{password}\n"


def test_only_the_group_reads_the_one_and_only_the_owner_the_other(tmp_path: Path):
    ensure(tmp_path, PLACE, os.urandom)
    assert mode(tmp_path / SERVER_FILE) == 0o440
    assert mode(tmp_path / CLIENT_FILE) == 0o600


def test_a_second_run_changes_nothing(tmp_path: Path):
    ensure(tmp_path, PLACE, os.urandom)
    before = {file.name: (file.read_text(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()}
    ensure(tmp_path, PLACE, os.urandom)
    assert {file.name: (file.read_text(), file.stat().st_mtime_ns) for file in tmp_path.iterdir()} == before


def test_after_a_crash_the_missing_file_is_written_with_the_existing_password(tmp_path: Path):
    (tmp_path / SERVER_FILE).write_text("kept")
    (tmp_path / "pgpass.partial").write_text("half of")
    ensure(tmp_path, PLACE, os.urandom)
    assert (tmp_path / CLIENT_FILE).read_text() == f"{PLACE}:kept\n"
    assert {file.name for file in tmp_path.iterdir()} == {SERVER_FILE, CLIENT_FILE}


def test_another_place_is_written_anew(tmp_path: Path):
    ensure(tmp_path, PLACE, os.urandom)
    ensure(tmp_path, "other:5432:baton:baton", os.urandom)
    assert (tmp_path / CLIENT_FILE).read_text().startswith("other:")

"""The secrets file: made once, private, whole, and second to the environment."""

from __future__ import annotations

import itertools
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.secrets_file import (
    ADMIN_KEY,
    FILE,
    SECRET_KEY,
    Secrets,
    ensure,
    read,
    require,
    share_secret_key,
)
from shared.settings import SettingsError


def test_the_first_start_makes_both_and_the_second_keeps_them(tmp_path: Path):
    data_dir = tmp_path / "data"
    made = ensure(data_dir, {}, os.urandom)
    assert made.admin_key != made.secret_key
    assert len(made.admin_key) == 43
    assert ensure(data_dir, {}, os.urandom) == made
    assert read(data_dir) == made.as_environ()
    assert require(data_dir, {}, (ADMIN_KEY, SECRET_KEY)) == made.as_environ()
    assert stat.S_IMODE((data_dir / FILE).stat().st_mode) == 0o600
    assert [file.name for file in data_dir.iterdir()] == [FILE]


def test_the_environment_wins_and_is_not_written_down(tmp_path: Path):
    secrets = ensure(tmp_path, {"BATON_ADMIN_KEY": "given"}, os.urandom)
    assert secrets.admin_key == "given"
    assert read(tmp_path) == {"BATON_SECRET_KEY": secrets.secret_key}


def test_with_both_in_the_environment_no_file_is_made(tmp_path: Path):
    environ = {"BATON_ADMIN_KEY": "a", "BATON_SECRET_KEY": "b"}
    assert ensure(tmp_path, environ, os.urandom) == Secrets(admin_key="a", secret_key="b")
    assert list(tmp_path.iterdir()) == []


def test_only_the_missing_one_is_made(tmp_path: Path):
    (tmp_path / FILE).write_text("# kept\nBATON_SECRET_KEY=old\n")
    secrets = ensure(tmp_path, {}, os.urandom)
    assert secrets.secret_key == "old"
    assert read(tmp_path) == secrets.as_environ()


def test_a_partial_file_of_a_crash_is_not_read(tmp_path: Path):
    (tmp_path / "secrets.partial").write_text("BATON_SECRET_KEY=ha")
    assert ensure(tmp_path, {}, os.urandom).secret_key != "ha"


def test_processes_that_start_at_once_agree(tmp_path: Path):
    count = itertools.count()
    with ThreadPoolExecutor(8) as pool:
        starts = [
            pool.submit(ensure, tmp_path, {}, lambda size: bytes([next(count)]) * size) for _ in range(8)
        ]
    assert len({start.result() for start in starts}) == 1


def test_require_raises_an_error_that_names_the_missing_secrets(tmp_path: Path):
    with pytest.raises(SettingsError) as raised:
        require(tmp_path, {"BATON_ADMIN_KEY": "a"}, (ADMIN_KEY, SECRET_KEY))
    (problem,) = raised.value.problems
    assert problem.startswith("BATON_SECRET_KEY is not set")
    assert list(tmp_path.iterdir()) == []


def test_secrets_do_not_show_in_a_repr():
    assert "hidden" not in repr(Secrets(admin_key="hidden", secret_key="hidden"))


def test_roles_that_do_not_serve_the_api_get_the_secret_key_alone(tmp_path: Path):
    made = ensure(tmp_path / "data", {}, os.urandom)
    shared = tmp_path / "roles"
    for _ in range(2):
        share_secret_key(tmp_path / "data", shared)
        assert read(shared) == {SECRET_KEY: made.secret_key}
        assert stat.S_IMODE((shared / FILE).stat().st_mode) == 0o600
    assert require(shared, {}, (SECRET_KEY,)) == {SECRET_KEY: made.secret_key}
    with pytest.raises(SettingsError):
        require(shared, {}, (ADMIN_KEY,))


def test_a_key_of_the_environment_is_in_no_file(tmp_path: Path):
    ensure(tmp_path / "data", {SECRET_KEY: "given"}, os.urandom)
    share_secret_key(tmp_path / "data", tmp_path / "roles")
    assert not (tmp_path / "roles").exists()

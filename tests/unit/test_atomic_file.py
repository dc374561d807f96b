"""A small file is replaced as a whole, with its own permissions."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.atomic_file import replace_atomically


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o644])
def test_the_file_has_the_text_and_exactly_the_permissions(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secrets.env"
    replace_atomically(file, "A=é\n", mode=mode)
    assert file.read_text(encoding="utf-8") == "A=é\n"
    assert mode_of(file) == mode


def test_an_old_file_is_replaced_with_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("old and longer")
    file.chmod(0o666)
    replace_atomically(file, "new", mode=0o600)
    assert (file.read_text(), mode_of(file)) == ("new", 0o600)


def test_a_reader_that_has_the_old_file_open_reads_it_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("old")
    with file.open() as reader:
        replace_atomically(file, "new", mode=0o600)
        assert reader.read() == "old"


def test_what_a_crash_left_half_written_is_replaced_and_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "secrets.partial").write_text("half")
    replace_atomically(tmp_path / "secrets.env", "whole", mode=0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def test_a_partial_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """Otherwise somebody who can write to the folder could have a secret written elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "secrets.partial").symlink_to(victim)
    replace_atomically(tmp_path / "secrets.env", "secret", mode=0o600)
    assert victim.read_text() == "untouched"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_atomically(file, "\ud800", mode=0o600)
    assert file.read_text() == "old"

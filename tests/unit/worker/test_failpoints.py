"""Failpoints kill the process at a named place, and only there."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from shared.errors import Crash
from shared.worker.failpoints import NAMES, VARIABLE, from_environ

_REACH = """
import os, sys
from shared.worker.failpoints import from_environ

failpoint = from_environ(os.environ)
for name in sys.argv[1:]:
    failpoint(name)
    print(name, flush=True)
"""


def reach(setting: str, *names: str) -> tuple[int, list[str]]:
    """Run a process that reaches the failpoints `names`; return how it ended and which it survived."""
    environ = {VARIABLE: setting, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _REACH, *names], env=environ, check=False, capture_output=True, text=True
    )
    return done.returncode, done.stdout.split()


def test_the_process_is_killed_the_nth_time_that_it_reaches_the_place() -> None:
    ended, survived = reach("after_commit:2", "after_claim", "after_commit", "after_publish", "after_commit")
    assert ended == -signal.SIGKILL
    assert survived == ["after_claim", "after_commit", "after_publish"]


def test_a_process_that_does_not_get_there_lives() -> None:
    assert reach("after_commit:3", "after_commit", "after_commit", "after_claim")[0] == 0


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_without_the_variable_nothing_happens(environ: dict[str, str]) -> None:
    failpoint = from_environ(environ)
    for name in NAMES:
        failpoint(name)


@pytest.mark.parametrize(
    "setting",
    [
        "after_lunch:1",
        "after_commit",
        "after_commit:",
        "after_commit:0",
        "after_commit:-1",
        ":1",
        "after_commit:²",
    ],
)
def test_an_unknown_place_or_count_is_refused_with_the_places_there_are(setting: str) -> None:
    with pytest.raises(Crash, match="after_claim, after_commit, after_publish, before_offset_commit"):
        from_environ({VARIABLE: setting})

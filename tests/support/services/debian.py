"""What a service needs from the machine: commands, and Debian packages when they are missing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[3] / ".tools"

_INSTALL_TIMEOUT_S = 600


class ServiceUnavailable(Exception):
    """A service cannot be had on this machine; the message says why."""


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock `name` against every other process of this checkout."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(*packages: str) -> None:
    """Install Debian packages, if this is root on a machine with apt-get."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ServiceUnavailable(f"needs the packages {', '.join(packages)} (or their like)")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with only_one("apt"):
        run(["apt-get", "-q", "update"], timeout_s=_INSTALL_TIMEOUT_S, environ=environ)
        command = ["apt-get", "-q", "-y", "install", "--no-install-recommends", *packages]
        run(command, timeout_s=_INSTALL_TIMEOUT_S, environ=environ)


def run(
    command: list[str],
    *,
    timeout_s: float,
    environ: dict[str, str] | None = None,
    user: str | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command to its end and return what it printed; its failure makes the service unavailable."""
    try:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environ,
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    except subprocess.CalledProcessError as failed:
        tail = f"{failed.stdout}{failed.stderr}".strip()[-2000:]
        raise ServiceUnavailable(f"{command[0]} failed with {failed.returncode}: {tail}") from failed
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise ServiceUnavailable(f"{command[0]}: {failed}") from failed
    return done.stdout

"""A role that starts before `baton migrate` has written the secrets: it waits, or it ends and names them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared import secrets_file
from tests.support.api import eventually
from tests.support.services.ports import free_port

SERVE = [sys.executable, "-m", "services.cli", "serve", "ledger"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return kept | {"BATON_DATA_DIR": str(tmp_path / "data"), "BATON_OPS_PORT": str(free_port())}


@pytest.fixture
def waiting(environ: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "log").open("wb") as log:
        role = subprocess.Popen(SERVE, env=environ | {"BATON_AWAIT_SECRETS": "true"}, stdout=log, stderr=log)
    yield role
    role.kill()
    role.wait(60)


@pytest.mark.usefixtures("waiting")
def test_a_role_that_awaits_its_secrets_says_so_and_goes_on_once_they_are_written(
    environ: dict[str, str], tmp_path: Path
):
    def checks() -> dict[str, dict[str, object]]:
        try:
            return httpx.get(f"http://127.0.0.1:{environ['BATON_OPS_PORT']}/readyz").json()["checks"]
        except httpx.TransportError:
            return {}

    missing = eventually(lambda: checks().get("secrets"), what="the check of the secrets")
    assert missing["ok"] is False
    assert "BATON_SECRET_KEY is not set" in str(missing["detail"])
    secrets_file.ensure(tmp_path / "data", {}, os.urandom)
    eventually(lambda: checks()["secrets"]["ok"], what="the secrets")
    eventually(lambda: "baton migrate" in str(checks()["database"]["detail"]), what="the next wait")
    assert (tmp_path / "log").read_text().count("BATON_SECRET_KEY is not set") == 1, "logged once"


def test_without_the_setting_it_ends_and_names_them(environ: dict[str, str]):
    done = subprocess.run(SERVE, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "BATON_SECRET_KEY is not set" in done.stderr

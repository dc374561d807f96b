"""What somebody without a key can find out about an installation, over HTTP and on the machine."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest


@pytest.fixture(scope="module")
def stranger(api):
    with httpx.Client(base_url=api.http.base_url) as http:
        yield http


CLOSED = ["/metrics", "/v1/leads", "/v1/sources", "/v1/dead-letters", "/v1/me"]


@pytest.mark.parametrize("path", CLOSED)
def test_figures_and_lists_need_a_key(stranger, path):
    assert stranger.get(path).status_code in (401, 404)


def test_readiness_is_one_word_without_a_key(api, stranger):
    assert stranger.get("/readyz").json() == {"ready": True}
    assert stranger.get("/livez").status_code == 200
    assert {"database", "stream", "gateway"} <= api.http.get("/readyz").json()["checks"].keys()


def test_data_files_are_for_their_owner_alone(api, baton):
    api.settled(api.post_lead({"person": {"email": "ana@kestrel.example"}}))
    folder = Path(baton.environ["BATON_DATA_DIR"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {
        file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.rglob("*") if file.is_file()
    }
    assert {"secrets.env", "tables.db", "stream.db", "tables.db-wal"} <= modes.keys()
    assert set(modes.values()) == {"0o600"}, modes

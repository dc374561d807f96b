"""Chromium for browser tests: Debian's, since it needs no download of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.services.debian import ServiceUnavailable, install

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> Path:
    """Return the browser's program, installing it where that is possible. Give it a fresh profile folder."""
    if shutil.which("chromium") is None:
        install("chromium", "chromium-driver")
    found = shutil.which("chromium")
    if found is None:
        raise ServiceUnavailable("there is no program named chromium")
    return Path(found)

"""A running Baton and a page of a real Chromium that notes whatever goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

from tests.support.services.chromium import FLAGS
from tests.support.topology import Topology

PATIENCE_MS = 300_000


@pytest.fixture(scope="session")
def baton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Every role in one process, as `baton up` runs them."""
    topology = Topology(tmp_path_factory.mktemp("baton"))
    try:
        topology.start()
        yield topology
    finally:
        topology.remove()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """A Chromium with a fresh profile.

    It ends with the module: Playwright's event loop runs in this thread until then, so that no asynchronous
    test of another module could start one.
    """
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS), timeout=PATIENCE_MS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, baton: Topology) -> Iterator[Page]:
    """An empty page of its own session. The test fails on an error in the page or a request to another host."""
    context = browser.new_context(base_url=baton.url)
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    faults: list[str] = []

    def note_message(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(message.text)

    def note_response(response: Response) -> None:
        if response.status >= 400 or not response.url.startswith((baton.url, "data:", "blob:")):
            faults.append(f"{response.status} {response.url}")

    opened.on("console", note_message)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("response", note_response)
    opened.on("requestfailed", lambda request: faults.append(f"{request.url} failed: {request.failure}"))
    yield opened
    context.close()
    assert faults == []

"""A running Baton and pages of a real Chromium that note whatever goes wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.support.services.chromium import FLAGS
from tests.support.topology import Topology

PATIENCE_MS = 25_000
expect.set_options(timeout=PATIENCE_MS)  # five seconds otherwise, which a busy machine needs for a page


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
def open_page(browser: Browser, baton: Topology) -> Iterator[Callable[..., Page]]:
    """Opens pages, each of a browser session of its own.

    The test fails on an error in a page, on a request to another host, and on an answer of 400 or more whose
    status is not among `expected`.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(expected: Collection[int] = (), **options: Any) -> Page:
        context = browser.new_context(base_url=baton.url, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()

        def note_message(message: ConsoleMessage) -> None:
            is_expected = any(f"status of {status}" in message.text for status in expected)
            if message.type == "error" and not is_expected:
                faults.append(message.text)

        def note_response(response: Response) -> None:
            is_ours = response.url.startswith((baton.url, "data:", "blob:"))
            if not is_ours or (response.status >= 400 and response.status not in expected):
                faults.append(f"{response.status} {response.url}")

        def note_failure(request: Request) -> None:
            # A request that a newer one replaces is aborted.
            if request.failure != "net::ERR_ABORTED":
                faults.append(f"{request.url} failed: {request.failure}")

        page.on("console", note_message)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("response", note_response)
        page.on("requestfailed", note_failure)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """An empty page."""
    return open_page()


@pytest.fixture
def sign_in(baton: Topology) -> Callable[..., None]:
    """Signs a page in, with the administrator's key unless another is given."""

    def signed_in(page: Page, key: str = baton.secrets.admin_key) -> None:
        page.goto("/sign-in")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
        page.wait_for_load_state("load")  # a key that is pressed before the scripts run does nothing

    return signed_in

"""One stream for all tabs of a browser, and a process that stops with it open."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS
from tests.support.api import Api
from tests.support.topology import Topology

pytestmark = pytest.mark.browser

TABS = 8


def listen(page: Page) -> None:
    """Note in the page that it was told of a lead."""
    page.evaluate(
        "() => document.body.addEventListener('lead', ({detail}) => document.body.dataset.told = detail.id)"
    )


def test_a_lead_that_is_posted_appears_and_selection_and_focus_stay(
    page: Page, sign_in: Callable[..., None], api: Api
):
    """Flow 7: one row more in the open list."""
    first = api.post_form({"email": "nora@opalholt.example", "message": "a demo please"})["lead_id"]
    sign_in(page)
    expect(page.locator("#live")).to_have_text("Live", timeout=PATIENCE_MS)
    row = page.locator(f"#row-{first}")
    expect(row).to_be_visible(timeout=PATIENCE_MS)
    row.click()
    page.locator("#inbox-list").focus()
    expect(row).to_have_attribute("aria-selected", "true")
    second = api.post_form({"email": "omar@sorrelreach.example", "message": "a demo please"})["lead_id"]
    expect(page.locator(f"#row-{second}")).to_be_visible(timeout=PATIENCE_MS)
    expect(row).to_have_attribute("aria-selected", "true")
    assert page.evaluate("() => document.activeElement.id") == "inbox-list"


def test_eight_tabs_share_one_stream_and_another_takes_over(
    open_page: Callable[..., Page], sign_in: Callable[..., None], api: Api
):
    first = open_page()
    context, streams = first.context, list[str]()
    context.on("request", lambda request: streams.append(request.url) if "/live" in request.url else None)
    sign_in(first)
    tabs = [first, *(context.new_page() for _ in range(TABS - 1))]
    for tab in tabs:
        tab.goto("/policy")
    for tab in tabs:
        expect(tab.locator("#live")).to_have_text("Live", timeout=PATIENCE_MS)
        listen(tab)
    opened = [url for url in streams if urlsplit(url).path == "/live"]
    assert len(opened) <= 3  # by the first tab, on each of its pages, and by the one that took over meanwhile
    api.post_form({"email": "ana@kestrel.example", "message": "a demo please"})
    for tab in tabs:
        expect(tab.locator("body")).to_have_attribute("data-told", re.compile("."), timeout=PATIENCE_MS)
    tabs[0].close()
    for tab in tabs[1:]:
        expect(tab.locator("#live")).to_have_text("Live", timeout=PATIENCE_MS)
    assert len([url for url in streams if urlsplit(url).path == "/live"]) <= len(opened) + 1


def test_sigterm_does_not_wait_for_an_open_stream(
    browser: Browser, tmp_path: Path, sign_in: Callable[..., None]
):
    """The drain of ten seconds is for requests that end; a stream ends at once."""
    baton = Topology(tmp_path)
    try:
        baton.start()
        context = browser.new_context(base_url=baton.url)
        sign_in(context.new_page(), baton.secrets.admin_key)
        expect(context.pages[0].locator("#live")).to_have_text("Live", timeout=PATIENCE_MS)
        began = time.monotonic()
        assert baton.stop() == [0] * len(baton.processes)
        took_s = time.monotonic() - began
        expect(context.pages[0].locator("#live")).to_have_text("Reconnecting", timeout=PATIENCE_MS)
        context.close()
    finally:
        baton.remove()
    assert took_s < 8, f"it took {took_s:.1f} s"

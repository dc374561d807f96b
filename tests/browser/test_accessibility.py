"""Every page passes axe, in light and dark, with leads on it; at 400 px nothing is lost sideways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.test_inbox import SignIn, post_hot_lead
from tests.support.api import Api
from tests.support.console_pages import CONSOLE_PAGES

pytestmark = pytest.mark.browser

PAGES = (*CONSOLE_PAGES, "/?text=nothing-is-called-this")
EXCEPTED = {"/policy": {"scrollable-region-focusable"}}
"""CodeMirror's scroller: its content takes the focus."""


def visit_all(page: Page, api: Api, visit: Callable[[str], None]) -> None:
    """Go to each page, with a lead in it, and do something there."""
    lead = post_hot_lead(api, "Jara")
    view = api.view(lead)
    assert view is not None
    for template in PAGES:
        page.goto(template.format(lead=lead, account=view["account"]))
        page.wait_for_load_state("networkidle")
        visit(template)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api, scheme: Literal["light", "dark"]
):
    """Flow 21."""
    page = open_page(color_scheme=scheme)
    found: dict[str, list[str]] = {}

    def check(name: str) -> None:
        violations = Axe().run(page).response["violations"]
        told = [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for one in violations
            if one["id"] not in EXCEPTED.get(name, ())
            for node in one["nodes"][:3]
        ]
        if told:
            found[name] = told

    page.goto("/sign-in")
    check("/sign-in")
    sign_in(page)
    visit_all(page, api, check)
    assert found == {}


def test_at_400_pixels_and_twice_the_size_no_page_scrolls_sideways(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api
):
    """Flow 22. A window of 400 px is what a window of 800 px shows at 200 %."""
    page = open_page(viewport={"width": 400, "height": 800})
    sign_in(page)
    wide: dict[str, int] = {}

    def check(name: str) -> None:
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 400:
            wide[name] = width

    visit_all(page, api, check)
    assert wide == {}

"""The pages that a person meets first, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.browser


def test_the_documentation_shows_every_group_of_calls_and_asks_for_a_key(page: Page):
    page.goto("/docs")
    operation = page.locator(".opblock", has_text="/v1/leads").first
    expect(operation).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    tags = {tag for path in page.request.get("/openapi.json").json()["paths"].values() for tag in _tags(path)}
    shown = set(page.locator(".opblock-tag a.nostyle").all_inner_texts())
    assert tags == shown


def test_an_operation_can_be_opened_and_shows_its_errors(page: Page):
    page.goto("/docs")
    operation = page.locator(".opblock-post", has=page.locator('[data-path="/v1/leads"]'))
    operation.locator(".opblock-summary-control").click()
    for status in ("202", "401", "403", "413", "415", "422", "503"):
        expect(operation.locator(f'tr.response[data-code="{status}"]')).to_be_visible(timeout=PATIENCE_MS)


def test_the_reference_page_renders(page: Page):
    page.goto("/redoc")
    expect(page.get_by_role("heading", name="Baton").first).to_be_visible(timeout=PATIENCE_MS)


def _tags(path: dict[str, dict[str, list[str]]]) -> set[str]:
    return {tag for operation in path.values() for tag in operation.get("tags", [])}

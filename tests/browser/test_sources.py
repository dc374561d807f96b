"""Sources and providers, as RevOps uses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn
from tests.support.api import Api

pytestmark = pytest.mark.browser


def test_a_pasted_body_shows_the_lead_that_it_would_be_and_stores_nothing(
    page: Page, sign_in: SignIn, api: Api
):
    """Task 23: paste what a new form posts, see the lead."""
    sign_in(page)
    page.goto("/sources")
    page.get_by_role("link", name="website").first.click()
    body = page.get_by_label("What the form or the vendor posts")
    body.fill("email=preview%40kestrelworks.example&Your+name=Jo+March&message=A+demo+please&shoe=42")
    page.get_by_role("button", name="Show the lead").click()
    result = page.locator("#result")
    expect(result).to_contain_text("preview@kestrelworks.example")
    expect(result).to_contain_text("A demo please")
    expect(result).to_contain_text("shoe")
    assert api.http.get("/v1/leads?email=preview@kestrelworks.example").json()["data"] == []
    body.fill("{")
    page.get_by_role("button", name="Show the lead").click()
    expect(result.locator(".note.bad")).to_be_visible()


def test_the_providers_page_tells_what_the_api_tells(page: Page, sign_in: SignIn, api: Api):
    sign_in(page)
    page.goto("/providers?days=7")
    for provider in api.http.get("/v1/providers?days=7").json()["data"]:
        row = page.locator("tbody tr", has_text=provider["name"]).first
        expect(row).to_contain_text(f"{provider['calls']:,}")

"""The palette and the table of leads, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.api import Api

pytestmark = pytest.mark.browser


def post_form(api: Api, name: str, company: str) -> str:
    fields = {"email": f"{name.lower()}@{company.lower()}.example", "first_name": name, "last_name": "Okoro"}
    fields |= {"title": "VP Sales", "company": company, "message": f"{name} wants a demo"}
    sent = api.post_form(fields | {"employees": "300", "industry": "software", "country": "US"})
    lead_id: str = api.settled(sent)["lead_id"]
    return lead_id


def test_the_palette_finds_a_lead_an_account_a_rep_and_a_page(
    page: Page, sign_in: Callable[..., None], api: Api
):
    """Flow 8: an e-mail address is found; arrows and Enter open what is chosen, Escape closes."""
    lead = post_form(api, "Tamsin", "Quillmere")
    sign_in(page)
    page.goto("/leads")
    page.keyboard.press("Control+k")
    field, found = page.locator("#palette-text"), page.locator("#palette-found")
    expect(field).to_be_focused()
    expect(found).to_contain_text("Pages")
    field.fill("tamsin@quill")
    option = found.get_by_role("option", name=re.compile("Tamsin Okoro"))
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/leads/{lead}*")
    for text, shown in (("okoro tam", "Tamsin Okoro"), ("quillm", "quillmere.example"), ("sdr-1", "sdr")):
        page.keyboard.press("Control+k")
        field.fill(text)
        expect(found).to_contain_text(shown)
        page.keyboard.press("Escape")
        expect(field).not_to_be_visible()
    page.get_by_role("button", name=re.compile("Find or do")).click()
    field.fill("inbo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def test_a_value_of_a_cell_is_a_filter_and_the_leads_of_the_list_follow_each_other(
    page: Page, sign_in: Callable[..., None], api: Api
):
    first, second = (post_form(api, name, "Fennwick") for name in ("Wilma", "Xaver"))
    sign_in(page)
    page.goto("/leads")
    row = page.locator(f'tr[data-step="{second}"]')
    row.get_by_role("link", name="Fennwick", exact=True).click()
    page.wait_for_url("**/leads?account=fennwick.example")
    expect(page.locator("tr[data-step]")).to_have_count(2)
    queue = row.locator(".chip.queue").inner_text()
    row.locator(".chip.queue").click()
    expect(page.locator(".chip.filter")).to_have_count(2)
    expect(page.locator(".filters")).to_contain_text(queue)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = download.value.path().read_text()
    assert second in text
    assert len(text.splitlines()) == 3
    row.get_by_role("link", name="Xaver Okoro").click()
    expect(page.locator("#lead-steps")).to_contain_text("1 of 2")
    page.keyboard.press("]")
    page.wait_for_url(f"**/leads/{first}*")
    page.keyboard.press("[")
    page.wait_for_url(f"**/leads/{second}*")
    page.locator(".crumbs a").click()
    page.locator(".chip.filter", has_text="Queue").click()
    page.wait_for_url("**/leads?account=fennwick.example")
    page.goto("/leads?reason=nothing")
    expect(page.get_by_text("No lead matches these filters")).to_be_visible()

"""The page of an account: who is there, and a manager tells whose it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_find import post_form
from tests.support.api import Api, eventually

pytestmark = pytest.mark.browser


def test_a_manager_reads_the_committee_and_tells_relation_and_owner(
    page: Page, sign_in: Callable[..., None], api: Api
):
    lead = post_form(api, "Yara", "Ostrava")
    sign_in(page)
    page.goto("/accounts")
    page.get_by_role("link", name="Ostrava", exact=True).click()
    page.wait_for_url("**/accounts/ostrava.example")
    committee = page.locator(".committee").first
    expect(committee).to_contain_text("Yara Okoro")
    expect(committee).to_contain_text("Economic buyer")
    expect(page.locator(".assigned")).to_contain_text("to accept")
    funding = {"type": "funding_round", "account": {"domain": "ostrava.example"}}
    funding |= {
        "occurred_at": datetime.now(UTC).isoformat(),
        "details": {"amount_usd": 30e6, "round": "Series B"},
    }
    assert api.http.post("/v1/signals", json=funding).status_code == 202
    eventually(lambda: api.http.get("/v1/accounts/ostrava.example").json()["signals"], what="the signal")
    page.reload()
    expect(page.locator(".signals")).to_contain_text("Raised 30 M USD, Series B")
    page.get_by_label("Relation").select_option("target")
    page.get_by_label("Owner").select_option("ae-1")
    page.get_by_label("It has an open opportunity").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".account-header")).to_contain_text("open opportunity")
    expect(page.get_by_label("Owner")).to_have_value("ae-1")
    known = api.http.get("/v1/accounts/ostrava.example").json()
    assert (known["relation"], known["owner"], known["open_opportunity"]) == ("target", "ae-1", True)
    page.goto("/accounts?view=target")
    expect(page.locator("#accounts")).to_contain_text("ostrava.example")
    page.goto("/accounts/ostrava.example")
    page.locator(".committee").get_by_role("link", name="Yara Okoro").click()
    page.wait_for_url(f"**/leads/{lead}**")
    expect(page.locator("#lead-steps")).to_contain_text("1 of 1")
    page.keyboard.press("Escape")
    page.wait_for_url("**/accounts/ostrava.example")

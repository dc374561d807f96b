"""The whole job, by clicking: from a form to a deal that was won, and the report counts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn, owner_of, row_of
from tests.support.api import Api, eventually

pytestmark = pytest.mark.browser


def test_a_form_becomes_a_deal_that_was_won(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api, tmp_path: Path
):
    """Form posted, row appears, brief read, accepted, handed to an AE, meeting, won, counted.

    The run is recorded as a trace that `playwright show-trace` opens.
    """
    page = open_page()
    page.context.tracing.start(screenshots=True, snapshots=True)
    sign_in(page)

    fields = {"email": "kaia@kaiafold.example", "first_name": "Kaia", "last_name": "Moen", "title": "Analyst"}
    fields |= {"company": "Kaiafold", "employees": "120", "industry": "software", "country": "US"}
    sent = api.post_form(fields | {"message": "We lose leads between two tools and need this before June"})
    lead = sent["lead_id"]
    expect(row_of(page, lead)).to_be_visible()  # by itself
    first_owner = owner_of(api, lead)

    row_of(page, lead).click()
    pane = page.locator("#pane")
    expect(pane).to_contain_text("Kaia Moen")
    expect(pane.locator(".quote").first).to_contain_text("need this before June")
    pane.get_by_role("button", name=re.compile("^Accept")).click()
    expect(page.locator(".toast").last).to_contain_text("Accepted: Kaia Moen")

    page.get_by_role("link", name="Accepted", exact=True).click()
    row_of(page, lead).click()
    pane.get_by_role("button", name=re.compile("^Hand off")).click()
    form = page.locator(".action-form")
    form.get_by_label("To").select_option("senior-ae")
    form.get_by_label("Need", exact=True).fill("One place for leads, before June")
    form.get_by_role("button", name="Hand off").click()
    expect(page.locator(".toast").last).to_contain_text("Handed off: Kaia Moen, now with")
    eventually(lambda: owner_of(api, lead) not in (first_owner, None), what="the hand-off")

    page.goto(f"/leads/{lead}")
    expect(page.get_by_text("One place for leads, before June", exact=True)).to_be_visible()
    for outcome, amount in (("Meeting booked", ""), ("Won", "48000")):
        page.get_by_role("button", name=re.compile("^Outcome")).click()
        page.get_by_label("Amount").fill(amount)
        page.locator(".action-form .choices button", has_text=outcome).click()
        expect(page.locator(".toast").last).to_contain_text(f"Recorded: {outcome}")
    eventually(lambda: (api.view(lead) or {}).get("status") == "won", what="the deal")

    def counted() -> bool:
        page.goto("/report?period=7d")
        won = page.locator(".tile", has=page.get_by_text("Won", exact=True)).locator("strong")
        return won.inner_text().strip().isdigit() and int(won.inner_text()) > 0

    eventually(counted, what="the report's count")
    page.context.tracing.stop(path=tmp_path / "whole-job.zip")

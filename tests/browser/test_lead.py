"""The page of a lead: why it is here, its score, what happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn, post_hot_lead
from tests.support.api import Api

pytestmark = pytest.mark.browser


def test_the_page_says_why_the_lead_is_here_and_its_bars_sum_to_the_score(
    page: Page, sign_in: SignIn, api: Api
):
    lead = post_hot_lead(api, "Gila")
    explained = api.http.get(f"/v1/leads/{lead}/explain").json()
    sign_in(page)
    page.goto(f"/leads/{lead}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Gila Reyes")
    taken = page.locator(".stop.taken")
    expect(taken.locator(".stop-name")).to_have_text("High intent")
    expect(taken).to_contain_text(explained["decision"]["queue"])
    expect(page.locator(".stop")).to_have_count(len(explained["decision"]["rules"]) + 1)
    for number, part in enumerate(("fit", "intent")):
        points = page.locator(".waterfall").nth(number).locator(".number .strong").all_inner_texts()
        assert sum(map(int, points)) == explained["score"][part]
    history = page.locator(".history li")
    expect(history).to_have_count(len(api.timeline(lead)))
    expect(history.last).to_contain_text("Lead received")


def test_text_of_strangers_is_text_on_the_page_of_the_lead(page: Page, sign_in: SignIn, api: Api):
    """A part of flow 15: nothing that a form can hold runs, or asks for anything."""
    hostile = '<img src=x onerror=alert(1)><b hx-get="/x" hx-trigger="load">bold</b>{{7*7}}'
    fields = {"email": "h@hostileworks.example", "first_name": hostile, "title": "VP <script>Sales</script>"}
    sent = api.post_form(fields | {"company": hostile, "message": f"We need a demo {hostile}"})
    lead = api.settled(sent)["lead_id"]
    sign_in(page)
    for path in (f"/leads/{lead}", f"/leads/{lead}/why", f"/leads/{lead}/history", f"/?tab=all&lead={lead}"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.locator("main img, main b[hx-get], main script").count() == 0
    page.goto(f"/leads/{lead}")
    expect(page.locator(".quote").first).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".quote").first).to_contain_text("{{7*7}}")


def test_without_javascript_one_can_sign_in_read_and_go_on(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api
):
    """Flow 23."""
    lead = post_hot_lead(api, "Hedi")
    page = open_page(java_script_enabled=False)
    sign_in(page)
    page.locator(f"#row-{lead}").click()
    expect(page.locator("#pane:not([inert])")).to_contain_text("Hedi wants to see a demo")
    page.locator("#pane").get_by_role("link", name="Hedi Reyes").click()
    page.get_by_role("link", name="why it is here").click()
    expect(page.locator(".stop.taken")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="what happened").click()
    expect(page.locator(".history li").last).to_contain_text("Lead received")


def test_a_lead_that_is_not_there_is_said_so(open_page: Callable[..., Page], sign_in: SignIn):
    page = open_page({404})
    sign_in(page)
    page.goto("/leads/00000000-0000-0000-0000-000000000000")
    expect(page.get_by_text("There is no such lead")).to_be_visible()

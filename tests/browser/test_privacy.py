"""Hostile text, erased persons and keys of reps, on every page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn
from tests.support.api import Api, eventually
from tests.support.console_pages import CONSOLE_PAGES

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror=alert(1)><b hx-get="/hostile" hx-trigger="load">x</b>{{7*7}}'
FOR_MANAGERS = (
    "/flow",
    "/policy",
    "/team",
    "/deliveries",
    "/dead-letters",
    "/providers",
    "/sources",
    "/settings",
)


def post_person(api: Api, name: str, text: str) -> tuple[str, str]:
    """Post a form. Return the lead and its account."""
    fields = {"email": f"{name}@{name}house.example", "first_name": text, "last_name": name, "title": text}
    sent = api.post_form(fields | {"company": text, "message": f"We need a demo {text}", "campaign": text})
    view = api.settled(sent)
    return view["lead_id"], view["account"]


def test_hostile_text_of_a_form_runs_on_no_page(page: Page, sign_in: SignIn, api: Api):
    """Flow 15: a script that ran would ask for something, or fail by the content security policy."""
    lead, account = post_person(api, "nora", HOSTILE)
    sign_in(page)
    for template in (*CONSOLE_PAGES, "/leads?text=nora", "/?tab=all"):
        page.goto(template.format(lead=lead, account=account))
        page.wait_for_load_state("networkidle")
        assert page.locator("main img, [hx-get='/hostile']").count() == 0, template


def test_an_erased_person_is_on_no_page(open_page: Callable[..., Page], sign_in: SignIn, api: Api):
    """Flow 14."""
    lead, account = post_person(api, "odile", "Odilesecret")
    assert api.http.delete("/v1/people?email=odile@odilehouse.example").status_code == 202
    eventually(lambda: api.view(lead) is None, what="the erasure")
    page = open_page({404})
    sign_in(page)
    for template in CONSOLE_PAGES:
        page.goto(template.format(lead=lead, account=account))
        page.wait_for_load_state("networkidle")
        text = page.locator("main").inner_text().casefold()
        assert "odilesecret" not in text, template
        assert "odile@" not in text, template


def test_the_key_of_a_rep_opens_no_page_of_managers(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api
):
    """Flow 16: they answer 403, and are not in the sidebar either."""
    made = api.http.post("/v1/api-keys", json={"name": "sdr", "scopes": ["rep"], "rep": "sdr-1"}).json()
    page = open_page({403})
    sign_in(page, made["key"])
    shown = page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts()
    assert [name.strip().split("\n")[0] for name in shown] == [
        "Inbox",
        "Leads",
        "Accounts",
        "Report",
        "Status",
    ]
    for path in FOR_MANAGERS:
        response = page.goto(path)
        assert response is not None
        assert response.status == 403, path
        expect(page.get_by_text("This key does not allow that")).to_be_visible()

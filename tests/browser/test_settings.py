"""Signing in and out by clicking, the page Settings, and the page Status."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS
from tests.browser.test_inbox import SignIn, post_hot_lead
from tests.support.api import Api
from tests.support.topology import Topology

pytestmark = pytest.mark.browser


def test_a_key_is_made_signs_in_and_is_thrown_out_when_it_is_revoked(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api
):
    """Flow 1, with the key made and revoked by clicking."""
    admin = open_page()
    sign_in(admin)
    admin.get_by_role("link", name="Settings").click()
    admin.get_by_label("Name").fill("Farah's laptop")
    admin.get_by_label("Rep", exact=False).last.select_option("sdr-1")
    admin.get_by_role("button", name="Create key").click()
    key = admin.get_by_label("Text of the key").input_value()
    admin.get_by_role("link", name="Keys", exact=True).click()
    expect(admin.get_by_text("Farah's laptop")).to_be_visible()
    assert key not in admin.content()

    rep = open_page({401})
    rep.goto("/leads")
    rep.wait_for_url("**/sign-in?next=*")
    rep.get_by_label("API key").fill("bk_of_nobody")
    rep.get_by_role("button", name="Sign in").click()
    expect(rep.get_by_role("alert")).to_be_visible()
    rep.get_by_label("API key").fill(key)
    rep.get_by_role("button", name="Sign in").click()
    rep.wait_for_url("**/leads")
    assert key not in rep.content()
    assert all(cookie["httpOnly"] for cookie in rep.context.cookies())

    row = admin.get_by_role("row", name=re.compile("Farah's laptop"))
    row.get_by_text("Revoke…").click()
    row.get_by_role("button", name="Revoke now").click()
    expect(admin.get_by_role("row", name=re.compile("Farah's laptop"))).to_have_count(0)
    rep.reload()
    rep.wait_for_url("**/sign-in*")

    admin.get_by_role("link", name="Audit trail").click()
    trail = admin.locator("table tbody tr")
    expect(trail.filter(has_text="Created an API key").first).to_contain_text("admin")
    expect(trail.filter(has_text="Revoked an API key").first).to_be_visible()
    with admin.expect_download() as download:
        admin.get_by_role("button", name="CSV").click()
    assert "api_key.revoked" in download.value.path().read_text()
    admin.get_by_role("button", name="Sign out").click()
    admin.wait_for_url("**/sign-in")
    admin.goto("/settings")
    admin.wait_for_url("**/sign-in?next=*")


def test_a_person_is_exported_and_erased_by_clicking(page: Page, sign_in: SignIn, api: Api):
    lead = post_hot_lead(api, "Ulla")
    sign_in(page)
    page.goto("/settings")
    page.get_by_role("link", name="Privacy").click()
    page.get_by_label("E-mail address").first.fill("ulla@ullaworks.example")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert lead in json.loads(download.value.path().read_text())["lead_ids"]
    erase = page.get_by_role("region", name="Erase a person")
    for field in ("E-mail address", "The same address again"):
        erase.get_by_label(field).fill("ulla@ullaworks.example")
    erase.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("status").filter(has_text="Receipt")).to_be_visible()


def test_the_status_says_that_every_role_works_and_has_read_what_there_is(
    page: Page, sign_in: SignIn, api: Api
):
    post_hot_lead(api, "Vera")
    sign_in(page)
    page.get_by_role("link", name="Status").click()
    expect(page.locator(".page-header .chip")).to_have_text("ready")
    roles = page.get_by_role("region", name="Roles").locator("tbody tr")
    expect(roles).to_have_count(6)
    expect(roles.filter(has_text="works")).to_have_count(6)
    # It is reported each five seconds, and the page asks anew each ten.
    scored = page.get_by_role("region", name="Topics").get_by_role("row", name=re.compile("Leads scored"))
    expect(scored).to_contain_text("router 0")
    expect(scored.locator("time")).to_have_text(re.compile("now|ago"))


def test_other_sites_can_neither_act_nor_frame(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api, baton: Topology
):
    """Flow 17: a session is of no use to a page of another origin, nor to one of ours without its token."""
    lead = post_hot_lead(api, "Wim")
    page = open_page({403})
    sign_in(page)
    accept = f"{baton.url}/leads/{lead}/accept"
    other = page.context.new_page()
    with other.expect_response(f"{baton.url}/**"):
        other.set_content(
            f'<iframe name="framed" src="{baton.url}/"></iframe>'
            f'<form method="post" action="{accept}"><button>Send</button></form>'
        )
    framed = other.frame(name="framed")
    assert framed is not None
    for _ in range(PATIENCE_MS // 50):  # nothing of ours is shown inside another page
        if framed.url.startswith("chrome-error:"):
            break
        other.wait_for_timeout(50)
    assert framed.url.startswith("chrome-error:")
    with other.expect_response(accept) as answer:
        other.get_by_role("button", name="Send").click()
    assert answer.value.status == 403
    send = "(path) => fetch(path, {method: 'POST'}).then((answer) => answer.status)"
    assert page.evaluate(send, accept) == 403
    assert not [one for one in api.timeline(lead) if one["data"].get("type") == "accept"]

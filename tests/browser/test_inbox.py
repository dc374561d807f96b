"""The inbox, as sellers and their manager use it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.api import Api, eventually

pytestmark = pytest.mark.browser
SignIn = Callable[..., None]


def post_hot_lead(api: Api, name: str) -> str:
    """Post the form of a VP who asks for a demo. Return the id of the lead once it is assigned."""
    fields = {
        "email": f"{name.lower()}@{name.lower()}works.example",
        "first_name": name,
        "last_name": "Reyes",
    }
    fields |= {"title": "VP Sales", "company": f"{name}works", "message": f"{name} wants to see a demo"}
    sent = api.post_form(fields | {"employees": "300", "industry": "software", "country": "US"})
    view = api.settled(sent)
    assert view["owner"] is not None, view
    return view["lead_id"]


def owner_of(api: Api, lead_id: str) -> str | None:
    view = api.view(lead_id)
    assert view is not None
    return view["owner"]


def row_of(page: Page, lead_id: str) -> Locator:
    return page.locator(f"#row-{lead_id}")


def test_a_lead_is_read_and_accepted_with_the_keyboard_alone(page: Page, sign_in: SignIn, api: Api):
    """Flows 2 and 20: J, the brief, A; the row leaves the list and the next one is selected."""
    first, second = post_hot_lead(api, "Ansa"), post_hot_lead(api, "Bela")
    sign_in(page)
    rows = page.locator(".inbox-row")
    expect(row_of(page, second)).to_be_visible()
    for _ in range(rows.count()):
        if row_of(page, first).get_attribute("aria-selected") == "true":
            break
        page.keyboard.press("j")
    expect(page.locator("#pane:not([inert])")).to_contain_text("Ansa wants to see a demo")
    page.keyboard.press("a")
    expect(page.locator(".toast")).to_contain_text("Accepted: Ansa Reyes")
    expect(row_of(page, first)).to_have_count(0)
    expect(page.locator('.inbox-row[aria-selected="true"]')).to_have_count(1)
    accepted = [event for event in api.timeline(first) if event["data"].get("type") == "accept"]
    assert len(accepted) == 1
    view = api.view(first)
    assert view is not None
    assert view["sla"]["accepted_at"] is not None


def test_the_pages_of_leads_lead_on_through_the_inbox(page: Page, sign_in: SignIn, api: Api):
    first, second = post_hot_lead(api, "Noor"), post_hot_lead(api, "Olek")
    sign_in(page)
    page.goto("/?text=Reyes&queue=senior-ae&tab=all")
    row_of(page, first).click()
    page.locator("#pane").get_by_role("link", name="Noor Reyes").click()
    page.wait_for_url(f"**/leads/{first}*")
    expect(page.locator("#lead-steps")).to_contain_text(" of ")
    forth, back = ("]", "[") if page.get_by_role("link", name="Next lead").count() else ("[", "]")
    page.keyboard.press(forth)
    page.wait_for_url(re.compile(f"/leads/(?!{first})"))
    page.keyboard.press(back)
    page.wait_for_url(f"**/leads/{first}*")
    page.keyboard.press("Escape")
    page.wait_for_url("**/?*text=Reyes*")
    expect(row_of(page, first)).to_have_attribute("aria-selected", "true")
    expect(row_of(page, second)).to_be_visible()


def test_keys_do_nothing_to_the_lead_before_while_a_brief_is_being_loaded(
    page: Page, sign_in: SignIn, api: Api
):
    """J and A in quick succession accept nothing that the seller does not see."""
    first, second = post_hot_lead(api, "Odil"), post_hot_lead(api, "Pina")
    sign_in(page)
    row_of(page, first).click()
    expect(page.locator("#pane:not([inert])")).to_contain_text("Odil wants to see a demo")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/inbox/leads/{second}", hold)
    with page.expect_request(f"**/inbox/leads/{second}"):
        row_of(page, second).click()
    page.keyboard.press("a")
    held[0].continue_()
    expect(page.locator("#pane:not([inert])")).to_contain_text("Pina wants to see a demo")
    page.keyboard.press("a")
    expect(page.locator(".toast")).to_contain_text("Accepted: Pina Reyes")
    accepted = [event for event in api.timeline(first) if event["data"].get("type") == "accept"]
    assert accepted == []


def test_a_lead_that_is_given_back_with_a_reason_goes_to_another_rep(page: Page, sign_in: SignIn, api: Api):
    """Flow 3: X, then the digit of the reason."""
    lead = post_hot_lead(api, "Cira")
    before = owner_of(api, lead)
    sign_in(page)
    row_of(page, lead).click()
    expect(page.locator("#pane:not([inert])")).to_contain_text("Cira wants to see a demo")
    page.keyboard.press("x")
    digit = (
        page.locator(".action-form .choices button", has_text="Wrong territory").locator("kbd").inner_text()
    )
    page.keyboard.press(digit)
    expect(page.locator(".toast")).to_contain_text("Given back: Cira Reyes")
    eventually(lambda: owner_of(api, lead) != before, what="another owner")
    view = api.view(lead)
    assert view is not None
    assert view["outcomes"][-1]["reason"] == "wrong_territory"


def test_of_two_who_accept_the_same_lead_one_wins_and_the_other_is_told(
    open_page: Callable[..., Page], sign_in: SignIn, api: Api
):
    """Flow 6: the second browser still shows the lead as to accept."""
    lead = post_hot_lead(api, "Dena")
    mine, theirs = open_page(), open_page()
    for page in (mine, theirs):
        sign_in(page)
        row_of(page, lead).click()
        expect(page.locator("#pane:not([inert])")).to_contain_text("Dena wants to see a demo")
    # Theirs does not hear of the change in time.
    theirs.route("**/inbox/**", lambda route: route.fulfill(status=204))
    mine.keyboard.press("a")
    expect(mine.locator(".toast")).to_contain_text("Accepted: Dena Reyes")
    theirs.keyboard.press("a")
    expect(theirs.locator(".toast.bad").first).to_contain_text("already accepted by")


def test_the_filter_narrows_the_list_and_its_address_is_a_link(page: Page, sign_in: SignIn, api: Api):
    lead, other = post_hot_lead(api, "Ebba"), post_hot_lead(api, "Fili")
    sign_in(page)
    page.keyboard.press("/")
    page.keyboard.type("ebbaworks")
    expect(row_of(page, other)).to_have_count(0)
    expect(row_of(page, lead)).to_be_visible()
    page.goto("/?text=ebbaworks")
    expect(page.locator(".inbox-row")).to_have_count(1)
    page.goto("/?text=nobody-is-called-this")
    expect(page.get_by_text("Nothing here matches “nobody-is-called-this”")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    expect(row_of(page, other)).to_be_visible()

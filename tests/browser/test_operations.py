"""What a platform person does: a webhook that fails is mended, and dead letters are replayed by cause."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS
from tests.support.api import Api, eventually
from tests.support.dead_letters import dead_letter, store_letters
from tests.support.receiver import Receiver
from tests.support.topology import Topology

pytestmark = pytest.mark.browser


def test_a_webhook_fails_is_mended_and_all_that_match_are_sent_again(
    open_page: Callable[..., Page], sign_in: Callable[..., None], api: Api, receiver: Receiver
):
    receiver.status, receiver.body = 410, b"<script>alert('closed')</script>"
    subscription = api.subscribe(receiver.url, "lead.*")
    receiver.secret = subscription["secret"]
    page = open_page()
    sign_in(page)
    page.goto(f"/deliveries?tab=failed&endpoint={subscription['id']}")
    expect(page.get_by_text("Nothing has failed")).to_be_visible()
    lead = api.post_form({"email": "ivy@kestrel.example", "message": "a demo please"})["lead_id"]
    # The list is refreshed by itself.
    row = page.locator("#deliveries tbody tr", has_text="lead.routed").first
    expect(row).to_contain_text("refused for good", timeout=PATIENCE_MS)
    row.get_by_role("link").click()
    panel = page.locator("#panel")
    expect(panel.get_by_text("410", exact=True)).to_be_visible()
    expect(panel).to_contain_text("<script>alert('closed')</script>")
    expect(panel).to_contain_text("ivy@kestrel.example")

    receiver.status, receiver.body = 200, b"thanks"
    page.get_by_role("link", name="Send all that match again").click()
    page.get_by_role("button", name="Send again", exact=True).click()
    expect(page.locator("#progress")).to_contain_text("arrived", timeout=PATIENCE_MS)
    eventually(lambda: receiver.about(lead), what="the delivery")
    page.goto(f"/deliveries?tab=arrived&endpoint={subscription['id']}")
    page.locator("#deliveries tbody tr", has_text="lead.routed").first.get_by_role("link").click()
    expect(panel).to_contain_text("ivy@kestrel.example")
    # The story of the lead says who was told of each event, and leads to the delivery.
    page.goto(f"/leads/{lead}")
    told = page.locator(".history li", has_text="Lead routed").locator(".sent", has_text="127.0.0.1")
    expect(told).to_contain_text("arrived")
    told.get_by_role("link").click()
    expect(panel).to_contain_text("ivy@kestrel.example")
    attempts = page.locator("#panel .attempt")
    expect(attempts).to_have_count(2, timeout=PATIENCE_MS)
    expect(attempts.first).to_contain_text("200")
    api.http.delete(f"/v1/subscriptions/{subscription['id']}")


def test_an_endpoint_is_made_tested_paused_and_its_secret_is_shown_once(
    page: Page, sign_in: Callable[..., None], api: Api, receiver: Receiver
):
    sign_in(page)
    page.goto("/deliveries")
    page.get_by_role("link", name="New endpoint").click()
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_role("button", name="Create").click()
    receiver.secret = page.locator("#secret").inner_text()
    assert receiver.secret.startswith("whsec_")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Send a test").click()
    eventually(lambda: [one.type for one in receiver.deliveries] == ["webhook.test"], what="the test event")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("tr", has_text="paused")).to_be_visible()
    assert receiver.secret not in page.content()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Rotate the secret").click()
    expect(page.locator("#secret")).not_to_have_text(receiver.secret)
    for found in api.http.get("/v1/subscriptions").json()["data"]:
        api.http.delete(f"/v1/subscriptions/{found['id']}")


def test_dead_letters_are_seen_by_cause_and_replayed(
    page: Page, sign_in: Callable[..., None], api: Api, baton: Topology
):
    letters = [
        dead_letter(number, b'{"person":{"email":"letter%d@kestrel.example"}}' % number)
        for number in range(2)
    ]
    store_letters(
        baton.database_url,
        [*letters, dead_letter(9, b"<b>not JSON</b>", kind="json", message="<img src=x> is malformed")],
    )
    sign_in(page)
    page.goto("/dead-letters")
    cause = page.locator("tr", has_text="The data do not fit the schema")
    expect(cause.locator(".number")).to_have_text("2")
    page.get_by_role("link", name="<img src=x> is malformed").click()
    expect(page.locator("#panel").get_by_label("Payload")).to_have_text("<b>not JSON</b>")
    page.locator("#panel").get_by_role("button", name="Set aside").click()
    expect(page.get_by_text("1 letter set aside")).to_be_visible()
    page.locator("tr", has_text="The data do not fit the schema").get_by_role(
        "button", name="Replay all"
    ).click()
    expect(page.get_by_text("2 letters replayed")).to_be_visible()
    for number in range(2):
        query = {"email": f"letter{number}@kestrel.example"}
        eventually(partial(_finds, api, query), what="its lead")
    page.goto("/dead-letters?tab=replayed")
    expect(page.get_by_role("link", name="Expected `int`")).to_have_count(2)


def _finds(api: Api, query: dict[str, str]) -> bool:
    return bool(api.http.get("/v1/leads", params=query).json()["data"])

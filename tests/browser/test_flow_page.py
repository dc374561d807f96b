"""The page Flow: its numbers are those of the API, an edge leads to its leads, a card opens its panel."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn
from tests.support.api import Api, eventually
from tests.support.topology import Topology

pytestmark = pytest.mark.browser

TITLES = ("VP Sales", "Student", "CEO", "IT Manager")


def assert_edges_lead_to_their_leads(page: Page, api: Api) -> None:
    """An edge tells of as many leads as the API lists for its rule and queue."""
    for edge in page.locator("svg.flow a:has(.flow-edge)").all():
        query = (edge.get_attribute("href") or "").partition("?")[2]
        title = edge.locator("title").text_content() or ""
        listed = api.http.get(f"/v1/leads?{query}&limit=100").json()["data"]
        assert len(listed) == int(title.rpartition(": ")[2].split()[0].replace(",", "")), title


def test_the_picture_counts_what_the_api_counts_and_leads_to_the_leads(
    page: Page, baton: Topology, sign_in: SignIn, api: Api
):
    for n in range(8):
        person = {"email": f"ana@flow-page-{n}.example", "first_name": "Ana", "title": TITLES[n % 4]}
        api.settled(api.post_lead({"person": person, "company": {"employees": 40 * 5 ** (n % 4)}}))

    def counted() -> dict[str, Any] | None:
        paths = api.http.get("/v1/reports/flow", params={"period": "all"}).json()["paths"]
        known = api.http.get("/v1/leads", params={"limit": 100}).json()["data"]
        return paths if paths["leads"] == len(known) else None

    paths = eventually(counted, what="the leads in the counters")
    sign_in(page)
    page.goto("/flow")
    for step in paths["steps"]:
        name = step["name"].replace("-", " ").replace("_", " ").capitalize()
        spoken = f"{name}: {step['leads']} of {step['reached']} that came this far"
        expect(page.get_by_role("link", name=spoken)).to_be_visible()
    for queue in paths["queues"]:
        spoken = f"Queue {queue['queue']}: {queue['leads']} lead"
        expect(page.get_by_role("link", name=spoken)).to_be_visible()

    assert_edges_lead_to_their_leads(page, api)

    # Followed in the browser, the queue of a rule in the table shows as many leads as it says.
    page.get_by_text("As a table").click()
    chip = page.locator(".flow-table .chip.queue").first
    number = int((chip.text_content() or "").split()[-1])
    chip.click()
    expect(page.locator("tr[data-step]")).to_have_count(number)

    # The lead's own page leads back to the picture, with its own way.
    lead = page.locator("tr[data-step] .who a").first
    name = (lead.text_content() or "").strip()
    lead.click()
    page.get_by_role("link", name="show in flow").click()
    expect(page.locator("p.note", has_text=name)).to_contain_text("went by")
    expect(page.locator(".flow-way")).to_have_count(1)
    page.get_by_role("link", name="show all leads alike").click()

    # A card opens its panel; Escape closes it and the focus is on the card again.
    card = page.get_by_role("link", name="Student: ")
    card.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Student")
    expect(panel).to_contain_text("seniority is student")
    expect(panel.get_by_role("heading", name="Student")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(card).to_be_focused()

    page.get_by_text("As a table").click()
    expect(page.get_by_role("row").filter(has_text="Student")).to_be_visible()
    page.get_by_role("link", name="24 h").click()
    expect(page).to_have_url(f"{baton.url}/flow?period=24h")


def test_the_report_shows_what_its_api_says_and_leads_to_the_leads(page: Page, baton: Topology):
    with baton.client() as http:
        api = Api(http)
        person = {"email": "ana@report-page.example", "first_name": "Ana", "title": "VP Sales"}
        api.settled(api.post_lead({"person": person, "source": {"channel": "form", "name": "report-page"}}))

        def counted() -> dict[str, Any] | None:
            found = api.http.get("/v1/reports/summary", params={"period": "7d"}).json()
            return found if any(one["source"] == "report-page" for one in found["sources"]) else None

        summary = eventually(counted, what="the lead in the counters")
        page.goto("/sign-in?next=/report")
        page.get_by_label("API key").fill(baton.secrets.admin_key)
        page.keyboard.press("Enter")
        page.wait_for_url("**/report")
        received = int(summary["figures"]["received"]["now"]["value"])
        tile = page.get_by_role("link", name=f"Received {received}")
        expect(tile).to_be_visible()
        query = (tile.get_attribute("href") or "").partition("?")[2]
        assert len(api.http.get(f"/v1/leads?{query}&limit=100").json()["data"]) == received
    expect(page.get_by_role("link", name="report-page")).to_be_visible()
    expect(page.locator("#attention")).not_to_contain_text("Looking")
    page.get_by_role("link", name="24 h").click()
    expect(page).to_have_url(f"{baton.url}/report?period=24h")

"""Clocks and hand-offs, on a Baton with a policy and a clock of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn, owner_of, post_hot_lead, row_of
from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.topology import Topology

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> MovedClock:
    """The clock of that Baton."""
    return MovedClock(tmp_path_factory.mktemp("clock") / "offset")


@pytest.fixture(scope="module")
def baton(tmp_path_factory: pytest.TempPathFactory, clock: MovedClock) -> Iterator[Topology]:
    """A Baton whose senior AEs must know need and budget of what is handed to them."""
    policy = tmp_path_factory.mktemp("policy") / "config"
    shutil.copytree("config", policy)
    routing = policy / "routing.yaml"
    text = routing.read_text()
    demanded = re.sub(r"known_first: \{\}", "known_first: {senior-ae: [need, budget]}", text)
    assert demanded != text
    routing.write_text(demanded)
    extra = {"BATON_POLICY_DIR": str(policy), "BATON_CLOCK_FILE": str(clock.file)}
    topology = Topology(tmp_path_factory.mktemp("baton"), extra=extra)
    try:
        topology.start()
        yield topology
    finally:
        topology.remove()


def test_a_hand_off_is_refused_until_what_the_policy_demands_is_filled(page: Page, sign_in: SignIn, api: Api):
    """Flow 5: each missing note is marked at its field."""
    fields = {"email": "lena@lenafold.example", "first_name": "Lena", "last_name": "Moen", "title": "Analyst"}
    fields |= {"company": "Lenafold", "employees": "120", "industry": "software", "country": "US"}
    lead = api.settled(api.post_form(fields | {"message": "Hello"}))["lead_id"]
    before = owner_of(api, lead)
    assert api.http.post(f"/v1/leads/{lead}/accept", json={"rep": before}).status_code == 200
    sign_in(page)
    page.goto(f"/leads/{lead}")
    page.get_by_role("button", name=re.compile("^Hand off")).click()
    form = page.locator(".action-form")
    expect(form.get_by_text("senior-ae must know it")).to_have_count(2)
    form.get_by_label("To").select_option("senior-ae")
    form.get_by_label(re.compile("^Need")).fill("One place for leads")
    form.get_by_role("button", name="Hand off").click()
    expect(form.locator(".fault")).to_have_count(1)
    assert owner_of(api, lead) == before
    form.get_by_label(re.compile("^Budget")).fill("40k is approved")
    form.get_by_role("button", name="Hand off").click()
    expect(page.locator(".toast").last).to_contain_text("Handed off: Lena Moen")
    eventually(lambda: owner_of(api, lead) not in (before, None), what="the hand-off")


def test_a_snoozed_lead_is_escalated_once_the_snooze_is_over(
    page: Page, sign_in: SignIn, api: Api, clock: MovedClock
):
    """Flow 4: after the time of the queue it still waits, after the snooze it is late."""
    lead = post_hot_lead(api, "Mira")
    sign_in(page)
    row_of(page, lead).click()
    expect(page.locator("#pane:not([inert])")).to_contain_text("Mira wants to see a demo")
    before = (api.view(lead) or {})["sla"]["accept_by"]
    page.keyboard.press("h")
    page.locator(".action-form .choices button", has_text="Monday").click()
    page.locator(".toast", has_text="Snoozed: Mira Reyes").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").last).to_contain_text("No longer snoozed: Mira Reyes")
    assert (api.view(lead) or {})["sla"]["accept_by"] == before
    page.keyboard.press("h")
    page.locator(".action-form .choices button", has_text="4 hours").click()
    expect(page.locator(".toast").last).to_contain_text("Snoozed: Mira Reyes")
    expect(row_of(page, lead)).to_contain_text("snoozed")
    time_left = row_of(page, lead).locator(".clock")
    expect(time_left).to_have_text(re.compile(r"^[34] h \d\d left$"))
    clock.move(timedelta(hours=3), api)
    page.reload()
    expect(time_left).to_have_text(re.compile(r"^(1 h 00|\d+ min) left$"))
    clock.move(timedelta(hours=2), api)
    late = "baton.lead.escalated.v1"
    eventually(lambda: late in {event["type"] for event in api.timeline(lead)}, what="the escalation")

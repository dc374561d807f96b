"""The team page: who has what, and taking a rep out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_inbox import SignIn, owner_of, post_hot_lead
from tests.support.api import Api, eventually

pytestmark = pytest.mark.browser


def test_a_manager_takes_a_rep_out_and_the_unaccepted_leads_go_to_others(
    page: Page, sign_in: SignIn, api: Api
):
    """Flow 13: the credits of the queue reconcile with its leads before and after."""
    lead = post_hot_lead(api, "Inka")
    rep = owner_of(api, lead)
    name = api.http.get(f"/v1/reps/{rep}").json()["name"]
    sign_in(page)
    page.goto("/team")
    page.get_by_role("button", name=f"Away: {name}").first.click()
    page.get_by_role("button", name=f"Take {name} out").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text(f"{name} gets no new leads; ")
    some_stay = "Some stay" in toast.inner_text()  # those that all others have given back
    eventually(lambda: owner_of(api, lead) not in (rep, None), what="another owner")

    def all_but_those_left() -> bool:
        unaccepted = api.http.get(f"/v1/reps/{rep}").json()["unaccepted"]
        return (unaccepted > 0) == some_stay

    eventually(all_but_those_left, what="others with all leads that the page said")
    report = api.http.get("/v1/reports/fairness").json()
    for queue in report["queues"]:
        assert abs(sum(one["deviation"] for one in queue["reps"])) < 0.1, queue
    back = page.get_by_role("button", name=f"Back: {name}").first
    expect(back).to_be_visible()
    back.click()
    expect(page.get_by_role("button", name=f"Away: {name}").first).to_be_visible()
    assert api.http.get(f"/v1/reps/{rep}").json()["available"] is True

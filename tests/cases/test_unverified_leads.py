"""A lead for which nothing but a public form speaks takes no seller's place, until a fact about it is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.router.domain.unverified import UNVERIFIED
from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock

JUNK = "{}@no-such-company-{}.example"


def junk(api: Api, name: str, **fields: str) -> dict[str, Any]:
    form = {"email": JUNK.format("ana", name), "message": "we would like to talk"} | fields
    return api.settled(api.post_form(form))


def load(api: Api) -> tuple[int, int]:
    """Return how many leads all reps hold, and how many they were ever credited."""
    reps = api.http.get("/v1/reps").json()["data"]
    return sum(rep["open_leads"] for rep in reps), sum(rep["credits"] for rep in reps)


def test_junk_is_listed_without_owner_clock_and_credit(api: Api):
    before = load(api)
    for number in range(20):
        view = junk(api, f"flood-{number}")
        assert view["status"] == "routed"
        assert (view["decision"]["change"], view["owner"]) == ("listed", None)
        assert view["sla"]["accept_by"] is None
        assert UNVERIFIED in view["decision"]["reasons"]
    assert load(api) == before


FACTS = [
    ("a size that fits", {"company size": "300"}),
    ("an industry that fits", {"industry": "software"}),
    ("a title and a country that fit", {"title": "VP Sales", "country": "US"}),
]


@pytest.mark.parametrize(("fact", "fields"), FACTS, ids=[fact for fact, _ in FACTS])
def test_a_fact_that_fits_makes_it_work(api: Api, fact, fields):
    view = junk(api, fact.replace(" ", "-"), **fields)
    assert (view["decision"]["change"], view["owner"] is not None) == ("assigned", True)


def test_a_lead_of_a_known_source_is_nobodys_junk(api: Api):
    view = api.settled(
        api.post_lead({"person": {"email": JUNK.format("ana", "api")}, "company": {"employees": 300}})
    )
    assert view["decision"]["change"] == "assigned"


def test_a_rep_of_the_queue_takes_a_listed_lead(api: Api):
    view = junk(api, "taken")
    reps = api.http.get("/v1/reps").json()["data"]
    own, other = (
        next(rep["id"] for rep in reps if (view["decision"]["queue"] in rep["queues"]) is fits)
        for fits in (True, False)
    )
    path = f"/v1/leads/{view['lead_id']}/accept"
    assert api.http.post(path, json={"rep": other}).status_code == 409
    answer = api.http.post(path, json={"rep": own})
    assert answer.status_code == 200, answer.text
    taken = eventually(
        lambda: v if (v := api.view(view["lead_id"])) and v["owner"] else None, what="the owner"
    )
    assert (taken["owner"], taken["decision"]["motion"]) == (own, "work")
    again = junk(api, "taken")
    assert (again["owner"], again["decision"]["change"]) == (own, "kept")


def test_with_a_signal_it_is_no_junk_but_what_its_score_says(api: Api, moved_clock: MovedClock):
    view = junk(api, "signal")
    occurred_at = (moved_clock.now() - timedelta(hours=1)).isoformat()
    account = {"domain": "no-such-company-signal.example"}
    signal = {"type": "funding_round", "account": account, "occurred_at": occurred_at}
    assert api.http.post("/v1/signals", json=signal).status_code == 202
    after = eventually(
        lambda: v if (v := api.view(view["lead_id"])) and v["trigger"]["kind"] == "signal" else None,
        what="the signal",
    )
    assert (after["decision"]["rule"], after["decision"]["motion"]) == ("nurture", "nurture")
    assert UNVERIFIED not in after["decision"]["reasons"]


def test_what_is_known_of_the_account_makes_it_work(api: Api):
    view = junk(api, "account")
    body = {"relation": "target"}
    assert api.http.put("/v1/accounts/no-such-company-account.example", json=body).status_code == 202
    eventually(lambda: (api.view(view["lead_id"]) or {})["owner"], what="the owner")

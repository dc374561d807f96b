"""Whoever works a lead soon knows name, telephone number and whether the address takes mail, from an e-mail alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.provider_stubs import golden
from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver
from tests.support.topology import Topology

BOUGHT = (
    "person.first_name",
    "person.last_name",
    "person.title",
    "person.phone",
    "person.email_status",
    "person.linkedin_url",
)
SEATS = ("senior-ae", "sdr", "bdr")


@pytest.fixture(scope="module")
def stubs(baton: Topology):
    """A client of the provider stubs."""
    with httpx.Client(base_url=baton.environ["BATON_PROVIDERS_URL"], timeout=30) as http:
        yield http


def calls_about(stubs: httpx.Client, key: str) -> list[tuple[str, str]]:
    """Return vendor and path of every call about an address, in order."""
    calls = stubs.get("/calls").json()["data"]
    return [(call["provider"], call["path"]) for call in calls if call["key"] == key]


def works(view: dict[str, Any]) -> bool:
    return view["decision"].get("motion") == "work" and view["owner"] is not None


def known_to_seller(api: Api, lead_id: str) -> dict[str, Any]:
    """Wait until the lead has all that a seller needs; return its view."""

    def look() -> dict[str, Any] | None:
        view = api.view(lead_id)
        return view if view and all(name in view["provenance"] for name in BOUGHT) else None

    return eventually(look, what="what the seller needs")


def test_an_address_alone_becomes_somebody_whom_a_seller_can_call(api: Api, receiver: Receiver, stubs):
    email = "new.prospect@brightloom.example"
    sent = api.post_form({"email": email, "message": "Could we see a demo this week?"})
    routed = api.settled(sent)
    assert works(routed)
    view = known_to_seller(api, sent["lead_id"])
    person, truth = view["person"], golden.person_behind(email)
    assert (person["first_name"], person["last_name"]) == (truth.first_name, truth.last_name)
    assert (person["phone"], person["email_status"]) == (truth.phone, "verified")
    assert (person["title"].casefold(), person["linkedin_url"]) == (
        truth.title.casefold(),
        truth.linkedin_url,
    )
    assert view["revision"] == routed["revision"] == 1
    assert (view["owner"], view["decision"]["queue"]) == (routed["owner"], routed["decision"]["queue"])
    origins = {name: view["provenance"][name] for name in BOUGHT}
    assert {origin["source"] for origin in origins.values()} == {"peopledatalabs", "hunter"}
    assert all(0 < origin["confidence"] <= 1 for origin in origins.values())
    spent = sum(origin["cost"] for origin in view["provenance"].values())
    assert spent == view["enrichment"]["cost"] == sum(step["cost"] for step in view["enrichment"]["steps"])
    told = eventually(lambda: receiver.about(sent["lead_id"], "lead.updated"), what="the news for the owner")
    assert len({one.webhook_id for one in told}) == 1
    assert told[0].data["person"]["phone"] == truth.phone
    assert told[0].data["brief"]["contact"]["phone"] == truth.phone
    assert len({one.webhook_id for one in receiver.about(sent["lead_id"])}) == 1
    enriched = [one for one in api.timeline(sent["lead_id"]) if one["type"] == "baton.lead.enriched.v1"]
    assert [one["data"]["sequence"] for one in enriched] == [1, 2]
    assert calls_about(stubs, email) == [
        ("peopledatalabs", "/v5/person/enrich"),
        ("hunter", "/v2/email-verifier"),
    ]


def test_a_provider_that_fails_holds_up_no_decision_and_its_answer_comes_later(
    api: Api, stubs, moved_clock: MovedClock
):
    for vendor in ("hunter", "zerobounce"):
        assert stubs.put(f"/faults/{vendor}", json={"status": 500}).status_code == 200
    sent = api.post_form({"email": "patient.buyer@brightloom.example", "message": "Could we see a demo?"})
    assert works(api.settled(sent))

    def known(name: str) -> dict[str, Any] | None:
        view = api.view(sent["lead_id"])
        return view if view and view["person"].get(name) else None

    view = eventually(lambda: known("phone"), what="what the others gave")
    assert "email_status" not in view["person"]
    assert view["enrichment"]["status"] == "incomplete"
    assert stubs.delete("/faults").status_code == 204
    moved_clock.move(timedelta(minutes=5), api)
    view = eventually(lambda: known("email_status"), what="the late answer")
    assert (view["enrichment"]["status"], view["revision"]) == ("complete", 1)


def test_nobody_is_asked_the_same_again(api: Api, stubs):
    email = "comes.again@brightloom.example"
    first = api.post_form({"email": email, "message": "Could we see a demo this week?"})
    api.settled(first)
    known_to_seller(api, first["lead_id"])
    asked = calls_about(stubs, email)
    second = api.settled(api.post_form({"email": email, "message": "Any news about the demo?"}))
    assert (second["revision"], second["person"]["phone"]) == (2, golden.person_behind(email).phone)
    assert calls_about(stubs, email) == asked


def test_what_the_person_said_stays(api: Api):
    email = "says.so@brightloom.example"
    lead = {"person": {"email": email, "title": "Head of Vision", "phone": "+4930901820"}, "message": "demo"}
    sent = api.post_lead(lead)
    api.settled(sent)

    def look() -> dict[str, Any] | None:
        view = api.view(sent["lead_id"])
        return view if view and view["person"].get("email_status") else None

    view = eventually(look, what="the late answers")
    assert (view["person"]["title"], view["person"]["phone"]) == ("Head of Vision", "+4930901820")
    assert {view["provenance"][f"person.{name}"]["source"] for name in ("title", "phone")} == {"form"}
    assert view["person"]["first_name"] == golden.person_behind(email).first_name


@pytest.mark.parametrize(
    "lead",
    [
        {"person": {"email": "some.person.77@gmail.com"}},
        {"person": {"email": "spy@rivalworks.example"}},
        {"person": {"email": "out@brightloom.example"}, "consent": {"opted_out": True}},
    ],
    ids=["nurture", "competitor", "opted-out"],
)
def test_nothing_is_bought_for_a_lead_that_nobody_works(api: Api, stubs, lead):
    view = api.settled(api.post_lead(lead))
    assert not works(view)
    # Behind it, somebody who is worked: their answers show that the enricher has read this far.
    after = api.post_form(
        {"email": f"after.{view['lead_id'][:8]}@brightloom.example", "message": "a demo please"}
    )
    api.settled(after)
    known_to_seller(api, after["lead_id"])
    assert ("peopledatalabs", "/v5/person/enrich") not in calls_about(stubs, lead["person"]["email"])
    now = api.view(view["lead_id"])
    assert now is not None
    assert "person.phone" not in now["provenance"]


def test_earlier_messages_are_told_with_the_lead(api: Api):
    email = "writes.often@brightloom.example"
    sent = api.settled(api.post_form({"email": email, "message": "We lose two days a month."}))
    api.settled(api.post_form({"email": email, "message": "Could we see a demo?"}))
    enriched = [
        one["data"] for one in api.timeline(sent["lead_id"]) if one["type"] == "baton.lead.enriched.v1"
    ]
    last = max(enriched, key=lambda data: data["sequence"])
    assert last["message"] == "Could we see a demo?"
    assert [message["text"] for message in last["earlier_messages"]] == ["We lose two days a month."]
    assert last["earlier_messages"][0]["source"] == "website"

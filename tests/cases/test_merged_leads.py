"""One person who was two leads is one lead with one owner, once a form names both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from tests.support.api import Api, eventually

Person = Mapping[str, str]
FITTING = {"employees": 300, "industry": "software", "country": "US"}
"""What makes a lead work, so that it has an owner."""


def send(api: Api, *people: Person) -> list[dict[str, Any]]:
    """Send a lead for each of these, one after the other; return what was answered."""
    answers = []
    for person in people:
        answers.append(api.post_lead({"person": dict(person), "company": FITTING}))
        api.settled(answers[-1])
    return answers


def owned_by(api: Api) -> dict[str, int]:
    """Return the open leads of each rep."""
    return {rep["id"]: rep["open_leads"] for rep in api.http.get("/v1/reps").json()["data"]}


def credits_of(api: Api) -> int:
    return sum(rep["credits"] for rep in api.http.get("/v1/reps").json()["data"])


def profile(name: str) -> str:
    return f"https://www.linkedin.com/in/{name}"


# The leads of one person, one after the other, and the forms that then name them.
ONE_PERSON: dict[str, list[Person]] = {
    "an address and a phone": [
        {"email": "wim@wimco.example"},
        {"phone": "+49 30 9018344"},
        {"email": "wim@wimco.example", "phone": "+49 30 9018344"},
    ],
    "a phone and an address": [
        {"phone": "+49 30 9018345"},
        {"email": "wim@wimco2.example"},
        {"email": "wim@wimco2.example", "phone": "+49 30 9018345"},
    ],
    "an address and a profile": [
        {"email": "vito@vitoco.example"},
        {"linkedin_url": profile("vito-f")},
        {"email": "vito@vitoco.example", "linkedin_url": profile("vito-f")},
    ],
    "an address, a phone and a profile at once": [
        {"email": "tri@trico.example"},
        {"phone": "+49 30 9018346"},
        {"linkedin_url": profile("tri")},
        {"email": "tri@trico.example", "phone": "+49 30 9018346", "linkedin_url": profile("tri")},
    ],
    "a phone and a profile, then both, without an address": [
        {"phone": "+49 30 9018347"},
        {"linkedin_url": profile("phil")},
        {"phone": "+49 30 9018347", "linkedin_url": profile("phil")},
    ],
    "a phone and a profile that a new address names": [
        {"phone": "+49 30 9018348"},
        {"linkedin_url": profile("nele")},
        {"email": "nele@neleco.example", "phone": "+49 30 9018348", "linkedin_url": profile("nele")},
    ],
    "a profile of an address, and a phone": [
        {"email": "otto@ottoco.example", "linkedin_url": profile("otto")},
        {"phone": "+49 30 9018349"},
        {"phone": "+49 30 9018349", "linkedin_url": profile("otto")},
    ],
}


@pytest.mark.parametrize("case", ONE_PERSON)
def test_the_leads_of_one_person_become_one(api: Api, case: str):
    people = ONE_PERSON[case]
    sent = send(api, *people[:-1])
    before, spent = owned_by(api), credits_of(api)
    views = {one["lead_id"]: api.view(one["lead_id"]) for one in sent}
    [last] = send(api, people[-1])
    ids = {one["lead_id"] for one in (*sent, last)}
    answers = [api.view(one) for one in ids]
    survivor = answers[0] or {}
    assert {(answer or {})["lead_id"] for answer in answers} == {survivor["lead_id"]}
    merged = views.keys() - {survivor["lead_id"]}

    # One owner: that of the lead that survives; the others' assignments ended, and nobody was charged again.
    assert survivor["owner"] == (views[survivor["lead_id"]] or {})["owner"]
    assert sum(owned_by(api).values()) == sum(before.values()) - len(merged)
    assert credits_of(api) == spent

    # Lists have the one lead; its timeline has the history of all, every form with its outcome.
    listed = {one["lead_id"] for one in api.http.get("/v1/leads?limit=200").json()["data"]}
    assert listed & ids == {survivor["lead_id"]}
    timeline = api.timeline(next(iter(merged)))
    forms = {one["id"]: one.get("outcome") for one in timeline if one["type"] == "baton.lead.received.v1"}
    assert forms == {one["event_id"]: "routed" for one in (*sent, last)}
    ended = [
        one["data"]
        for one in timeline
        if one["type"] == "baton.lead.reassigned.v1" and one["data"]["reason"] == "merged"
    ]
    assert {one["lead_id"] for one in ended} == merged
    assert {one["decision"]["owner"] for one in ended} == {survivor["owner"]}

    # Later forms of any of the identifiers go to the one lead.
    for person in people:
        [again] = send(api, person)
        assert (api.view(again["lead_id"]) or {})["lead_id"] == survivor["lead_id"]


def test_two_addresses_are_never_merged(api: Api):
    phone = "+49 30 9018350"
    sent = send(
        api,
        {"email": "ana@twofold.example", "phone": phone},
        {"email": "ben@twofold.example", "phone": phone},
        {"phone": phone},
        {"email": "ana@twofold.example", "phone": phone},
    )
    views = [api.view(one["lead_id"]) or {} for one in sent]
    assert views[0]["lead_id"] == views[3]["lead_id"] != views[1]["lead_id"]
    assert [view["person"]["email"] for view in views[:2]] == ["ana@twofold.example", "ben@twofold.example"]


def test_what_only_the_merged_lead_knew_is_kept(api: Api):
    email, phone = "kept@keptco.example", "+49 30 9018351"
    api.settled(api.post_lead({"person": {"email": email, "title": "CTO"}, "answers": {"team": "it"}}))
    asked = {
        "person": {"phone": phone, "first_name": "Kira"},
        "message": "Please call",
        "answers": {"seats": 4},
        "activities": [{"type": "webinar", "at": "2026-01-05T10:00:00Z"}],
    }
    api.settled(api.post_lead(asked))
    sent = api.post_lead({"person": {"email": email, "phone": phone}})
    view = api.settled(sent)
    assert (view["person"]["first_name"], view["person"]["title"]) == ("Kira", "CTO")
    [*_, enriched] = [one for one in api.timeline(sent["lead_id"]) if one["type"] == "baton.lead.enriched.v1"]
    assert enriched["data"]["answers"] == {"team": "it", "seats": 4}
    assert enriched["data"]["message"] == "Please call"
    assert [activity["type"] for activity in enriched["data"]["activities"]] == ["webinar"]


def test_forms_in_flight_at_once_end_in_one_lead_with_one_owner(api: Api):
    """The three forms of a person, in every order and without waiting, then once more the one that has both."""
    sent: list[list[dict[str, Any]]] = []
    for number, order in enumerate(permutations(range(3))):
        email, phone = f"race@race{number}.example", f"+49 30 901836{number}"
        forms = [{"email": email}, {"phone": phone}, {"email": email, "phone": phone}]
        bodies = [{"person": form, "company": FITTING} for form in forms]
        sent.append([api.post_lead(bodies[index]) for index in order])
        sent[-1].append(api.post_lead(bodies[2]))
    for answers in sent:
        for one in answers:
            eventually(partial(api.outcome, one["lead_id"], one["event_id"]), what="its outcome")
        views = [api.view(one["lead_id"]) or {} for one in answers]
        assert len({view["lead_id"] for view in views}) == 1
        assert views[0]["owner"] is not None
    listed = api.http.get("/v1/leads?limit=200").json()["data"]
    owned = [one for one in listed if one["account"].startswith("race")]
    assert len(owned) == len(sent)

"""After an erasure nothing of the person is in any table, file, log or answer; colleagues keep their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver
from tests.support.services.ports import free_port
from tests.support.topology import Topology

DOMAIN = "everyplace.example"
EMAIL, PHONE = f"zephyrine.quandt@{DOMAIN}", "+49 30 9018401"
PROFILE = "https://www.linkedin.com/in/zephyrine-quandt-7"
NAME = "Zephyrine Quandt"
PERSON = {"email": EMAIL, "first_name": "Zephyrine", "last_name": "Quandt", "title": "Head of Narwhals"}
TRACES = (
    *("zephyrine", "quandt", "9018401", "head of narwhals"),
    *("want to see the kumquat", "rejected gooseberry", "bring a physalis", "answer tamarillo"),
)
"""Texts that only this person brought, in lower case."""


class Everyplace:
    """A person who is in every place, and a colleague who was told of her."""

    def __init__(self, api: Api, clock: MovedClock) -> None:
        self.api = api
        self.clock = clock
        self.colleague = ""

    def create(self) -> None:
        self._leads()
        self._signals()
        self._colleague()
        self._refused()

    def _ago(self, hours: float) -> str:
        return (self.clock.now() - timedelta(hours=hours)).isoformat()

    def _leads(self) -> None:
        """Three leads that become one, an outcome, an action with a note, and what she may be asked."""
        api, company = (
            self.api,
            {"name": "Everyplace", "employees": 300, "industry": "software", "country": "US"},
        )
        asked = [{"type": "demo_request", "at": self._ago(1), "details": {"note": "bring a physalis"}}]
        body: dict[str, Any] = {"person": PERSON, "company": company, "activities": asked}
        api.settled(
            api.post_lead({**body, "answers": {"fruit": "answer tamarillo"}}, **{"Idempotency-Key": EMAIL})
        )
        api.settled(api.post_lead({"person": {"phone": PHONE, "first_name": "Zephyrine"}}))
        api.settled(api.post_lead({"person": {"linkedin_url": PROFILE}}))
        both = {"email": EMAIL, "phone": PHONE, "linkedin_url": PROFILE}
        sent = api.post_lead({"person": both, "message": "I want to see the kumquat"})
        api.settled(sent)
        api.settled(api.post_form({"email": EMAIL, "name": NAME, "message": "I want to see the kumquat"}))
        self.lead_id = sent["lead_id"]
        assert api.http.post(f"/v1/leads/{self.lead_id}/accept", json={}).status_code == 200
        outcome = {
            "email": EMAIL,
            "type": "meeting_booked",
            "at": self._ago(0.1),
            "reason": "bring a physalis",
        }
        assert api.http.post("/v1/outcomes", json=outcome).status_code == 202

    def _signals(self) -> None:
        """What happened at her company and was about her, by domain and by name."""
        told = {"person": NAME, "contact": EMAIL}
        for type_ in ("job_change", "executive_hire", "news"):
            for account in ({"domain": DOMAIN}, {"name": "Everyplace"}):
                signal: dict[str, Any] = {"type": type_, "account": account, "details": told}
                signal["occurred_at"] = self._ago(2)
                assert self.api.http.post("/v1/signals", json=signal).status_code == 202
        activity = {"type": "call", "details": {"note": "bring a physalis"}}
        for type_, details in (("activity", {"activity": activity}), ("opt_out", {})):
            signal = {
                "type": type_,
                "person": {"email": EMAIL},
                "occurred_at": self._ago(1),
                "details": details,
            }
            assert self.api.http.post("/v1/signals", json=signal).status_code == 202
        back = {"person": {"email": EMAIL}, "consent": {"opted_out": False}}
        eventually(lambda: (self.api.view(self.lead_id) or {})["status"] == "suppressed", what="the opt-out")
        self.api.settled(self.api.post_lead(back))

    def _colleague(self) -> None:
        """A colleague's brief names her as a stakeholder, and so does the note of a hand-off."""
        sent = self.api.post_lead({"person": {"email": f"bo@{DOMAIN}", "first_name": "Bo", "title": "CFO"}})
        view = self.api.settled(sent)
        self.colleague = sent["lead_id"]
        assert NAME in json.dumps(view["brief"])

    def _refused(self) -> None:
        """A form that could not be read, which is kept for a while."""
        body = json.dumps({"email": EMAIL, "message": "rejected gooseberry"})[:-1]
        answer = self.api.http.post(
            "/hooks/forms/website", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400, answer.text


@pytest.fixture(scope="module")
def everyplace(api: Api, moved_clock: MovedClock) -> Everyplace:
    """The person in every place. An endpoint that never answers keeps deliveries pending."""
    api.subscribe(f"http://127.0.0.1:{free_port()}/hook", "lead.*")
    person = Everyplace(api, moved_clock)
    person.create()
    return person


def traces_in(files: Callable[[], list[Path]]) -> dict[str, list[str]]:
    """Return which traces are in which file."""
    found = {}
    for file in files():
        content = file.read_bytes().lower()
        if here := [trace for trace in TRACES if trace.encode() in content]:
            found[file.name] = here
    return found


def test_the_export_shows_what_is_held(everyplace: Everyplace, api: Api):
    for query in (f"email={EMAIL}", f"phone={PHONE.replace('+', '%2B')}", f"linkedin_url={PROFILE}"):
        export = api.http.get(f"/v1/people/export?{query}").json()
        assert export["email"] == EMAIL
        assert len(export["lead_ids"]) == 3
        kinds = (
            "leads",
            "timeline",
            "records",
            "scores",
            "assignments",
            "deliveries",
            "rejected_submissions",
        )
        assert [kind for kind in kinds if not export[kind]] == []
        shown = json.dumps(export).lower()
        assert [trace for trace in TRACES if trace not in shown] == []


def test_an_erasure_by_phone_leaves_no_byte_of_the_person(
    everyplace: Everyplace, api: Api, baton: Topology, receiver: Receiver
):
    told = Receiver(everyplace.clock.now)
    told.secret = api.subscribe(told.url, "person.erased")["secret"]

    def tables() -> list[Path]:
        return [file for file in baton.data_dir.iterdir() if file.name.startswith("tables.db")]

    assert {trace for here in traces_in(tables).values() for trace in here} == set(TRACES)
    answer = api.http.delete(f"/v1/people?phone={PHONE.replace('+', '%2B')}")
    assert answer.status_code == 202, answer.text
    eventually(lambda: told.deliveries, what="the notice of the erasure")
    assert told.deliveries[0].type == "person.erased"
    assert set(told.deliveries[0].data["lead_ids"]) == set(answer.json()["lead_ids"])
    eventually(lambda: api.view(everyplace.lead_id) is None, what="the erasure")

    # The stream keeps its records for the days of its retention; nothing else keeps anything.
    def everything_else() -> list[Path]:
        files = [*baton.data_dir.iterdir(), *baton.folder.glob("*.log")]
        return [file for file in files if file.is_file() and not file.name.startswith("stream")]

    left: dict[str, list[str]] = {"not": ["looked yet"]}

    def is_gone() -> bool:
        nonlocal left
        left = traces_in(everything_else)
        return not left

    try:
        eventually(is_gone, within_s=60, what="the erasure")
    except AssertionError:
        assert left == {}
        raise
    export = api.http.get(f"/v1/people/export?email={EMAIL}").json()
    assert [entry["type"] for entry in export["timeline"]] == ["baton.person.erased.v1"]
    assert api.http.get("/v1/sources/website/rejected").json()["data"] == []


def test_the_colleague_stays_and_is_told_of_nobody(everyplace: Everyplace, api: Api):
    view = api.view(everyplace.colleague) or {}
    assert view["person"]["email"] == f"bo@{DOMAIN}"
    assert [one["name"] for one in view["brief"]["stakeholders"] if one["name"]] == ["Bo"]
    assert NAME not in json.dumps(view)
    again = api.settled(api.post_lead({"person": {"email": f"bo@{DOMAIN}"}, "message": "Hello again"}))
    assert NAME not in json.dumps(again)


def test_several_people_behind_one_number_are_not_erased_together(api: Api):
    phone = "+49 30 9018402"
    for name in ("kim", "lee"):
        api.settled(api.post_lead({"person": {"email": f"{name}@switchboard.example", "phone": phone}}))
    answer = api.http.delete("/v1/people?phone=+49 30 9018402")
    assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]) == (409, "several-people")


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("", "invalid-email"),
        ("email=nobody", "invalid-email"),
        ("phone=12", "invalid-phone"),
        ("linkedin_url=https://www.linkedin.com/company/x", "invalid-linkedin"),
    ],
)
def test_whom_a_query_does_not_name_is_not_erased(api: Api, query: str, kind: str):
    answer = api.http.delete(f"/v1/people?{query}")
    assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]) == (422, kind)

"""After an erasure nothing of the person is in any table, file, log or answer; colleagues keep their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.api import Api, eventually
from tests.support.everyplace import DOMAIN, EMAIL, NAME, PHONE, PROFILE, TRACES, Everyplace
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Receiver
from tests.support.services.ports import free_port
from tests.support.topology import Topology


@pytest.fixture(scope="module")
def everyplace(api: Api, moved_clock: MovedClock) -> Everyplace:
    """The person in every place. An endpoint that never answers keeps deliveries pending."""
    api.subscribe(f"http://127.0.0.1:{free_port()}/hook", "lead.*")
    person = Everyplace(api, moved_clock.now)
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
    told = Receiver(everyplace.now)
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

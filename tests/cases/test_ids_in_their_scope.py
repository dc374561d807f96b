"""One id or key, two bodies: each body that was answered 202 becomes a lead, and an exact repeat is one event."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, eventually

_REUSED = "urn:baton:problem:idempotency-key-reused"


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The default policy, with a second public form."""
    file = default_policy_dir / "sources.yaml"
    file.write_text(f'{file.read_text()}\n  blog: {{kind: form, public: true, origins: ["*"]}}\n')
    return default_policy_dir


def revision(api: Api, sent: dict[str, Any]) -> int:
    return api.settled(sent)["revision"]


# name: two posts (source, fields), and the revision of the second lead
FORMS = {
    "one entry number at two sources": (
        ("website", {"email": "nora@tidewater.example", "entry id": "17"}),
        ("blog", {"email": "paul@copperline.example", "entry id": "17"}),
        1,
    ),
    "one entry number of two forms": (
        ("website", {"email": "una@formone.example", "form id": "contact", "entry id": "103"}),
        ("website", {"email": "ugo@formtwo.example", "form id": "newsletter", "entry id": "103"}),
        1,
    ),
    "one submission id, two people, no form id": (
        ("website", {"email": "pia@reset-counter.example", "submission id": "5"}),
        ("website", {"email": "pal@reset-counter.example", "submission id": "5"}),
        1,
    ),
    "one response id, edited content": (
        ("website", {"email": "eda@editedco.example", "response id": "900"}),
        ("website", {"email": "eda@editedco.example", "response id": "900", "title": "CFO"}),
        2,
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_two_forms_with_one_entry_number_are_two_events(api: Api, case: str):
    *posts, wanted_revision = FORMS[case]
    first, second = (api.post_form(fields, source) for source, fields in posts)
    assert first["event_id"] != second["event_id"]
    assert revision(api, first) >= 1
    view = api.settled(second)
    assert (view["status"], view["revision"]) == ("routed", wanted_revision)
    assert view["person"].get("title") == posts[1][1].get("title")

    again = api.post_form(posts[1][1], posts[1][0])
    assert again == second
    assert revision(api, again) == wanted_revision


def lead(email: str, **more: Any) -> dict[str, Any]:
    return {"person": {"email": email}, **more}


# name: headers, first body, second body
ONE_NAME = {
    "event_id": (
        {},
        lead("ida@northgate.example", event_id="42"),
        lead("olaf@southgate.example", event_id="42"),
    ),
    "Idempotency-Key": (
        {"Idempotency-Key": "form-submit"},
        lead("vera@lanternco.example"),
        lead("hugo@stonebridgeco.example"),
    ),
}


@pytest.mark.parametrize("case", ONE_NAME)
def test_a_caller_learns_that_its_name_was_given_to_another_body(api: Api, case: str):
    headers, body, other = ONE_NAME[case]
    first = api.post_lead(body, **headers)
    refused = api.http.post("/v1/leads", json=other, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (422, _REUSED)
    again = api.post_lead(body, **headers)
    assert again == first
    assert revision(api, again) == 1


def test_of_a_list_sent_again_only_in_part_the_corrected_item_is_refused_and_the_whole_list_is_taken(
    api: Api,
):
    items = [lead(f"{name}@listco.example") for name in ("l1", "l2", "l3")]
    headers = {"Idempotency-Key": "job-1"}
    sent = api.http.post("/v1/leads", json=[items[0], lead("oops@"), items[2]], headers=headers)
    assert (sent.status_code, "problem" in sent.json()["results"][1]) == (202, True)
    part = api.http.post("/v1/leads", json=[items[1]], headers=headers)
    assert (part.status_code, part.json()["results"][0]["problem"]["type"]) == (422, _REUSED)
    whole = api.http.post("/v1/leads", json=items, headers=headers).json()["results"]
    assert [revision(api, result) for result in whole] == [1, 1, 1]


def owned(api: Api, lead_id: str) -> dict[str, Any] | None:
    view = api.view(lead_id)
    return view if view and view["owner"] else None


def is_accepted(api: Api, lead_id: str) -> bool:
    view = api.view(lead_id)
    return view is not None and view["sla"]["accepted_at"] is not None


def test_an_action_of_another_rep_on_another_lead_under_the_same_key_is_an_action_of_its_own(api: Api):
    views, fitting = [], {"employees": 300, "industry": "software", "country": "US"}
    for name in ("kim", "leo", "mia", "ned"):
        sent = api.post_lead(lead(f"{name}@{name}actionco.example", company=fitting))
        api.settled(sent)
        views.append(eventually(partial(owned, api, sent["lead_id"]), what="the owner"))
    by_owner = {view["owner"]: view for view in views}
    assert len(by_owner) >= 2, by_owner
    for rep, view in by_owner.items():
        new = {"name": rep, "scopes": ["rep"], "rep": rep}
        key = api.http.post("/v1/api-keys", json=new).json()["key"]
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "click-1"}
        for _ in range(2):
            api.http.post(f"/v1/leads/{view['lead_id']}/accept", headers=headers)
        eventually(partial(is_accepted, api, view["lead_id"]), what=f"{rep}'s accept")
        actions = [one for one in api.timeline(view["lead_id"]) if one["type"] == "baton.action.received.v1"]
        assert [action["data"]["rep"] for action in actions] == [rep]

        path = f"/v1/leads/{view['lead_id']}/reject"
        rejected = api.http.post(path, headers=headers, json={"reason": "bad_data"})
        assert rejected.status_code in {200, 202}, rejected.text
        other = api.http.post(path, headers=headers, json={"reason": "spam"})
        assert other.status_code in {409, 422}, other.text

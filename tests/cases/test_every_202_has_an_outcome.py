"""Whatever ids and keys bodies carry: each body that is answered 202 has an event and an outcome of its own."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.api import Api

_REUSED = "urn:baton:problem:idempotency-key-reused"


@dataclass(frozen=True)
class Item:
    """One lead as a client describes it."""

    person: Literal["ann", "bob"]
    title: Literal["", "CFO"] = ""
    form_id: Literal["", "contact"] = ""
    event_id: Literal["", "1", "2"] = ""


@dataclass(frozen=True)
class Post:
    """One request. A form is a post of a public source, the others are made with an API key."""

    caller: Literal["admin", "intake", "form"]
    items: Sequence[Item]
    is_list: bool
    key: Literal["", "k"]


@dataclass(frozen=True)
class Sent:
    """One item that was sent: its name within its scope, its content, and what was answered."""

    name: tuple[str, ...]
    content: tuple[str, ...]
    event_id: str
    lead_id: str
    refused: bool


ITEMS = st.builds(
    Item,
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["", "CFO"]),
    st.sampled_from(["", "contact"]),
    st.sampled_from(["", "1", "2"]),
)
POSTS = st.builds(
    Post,
    st.sampled_from(["admin", "intake", "form"]),
    st.lists(ITEMS, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(["", "k"]),
)


@pytest.fixture(scope="module")
def intake_key(api: Api) -> str:
    made = api.http.post("/v1/api-keys", json={"name": "forms", "scopes": ["intake"]})
    key: str = made.json()["key"]
    return key


@settings(max_examples=15, deadline=None)
@given(st.lists(POSTS, min_size=2, max_size=10))
def test_every_202_has_an_outcome_of_its_own(api: Api, intake_key: str, posts: list[Post]):
    run = uuid.uuid4().hex[:8]
    sent = [item for post in posts for item in deliver(api, intake_key, run, post)]
    accepted = [item for item in sent if not item.refused]

    contents: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for item in accepted:
        contents[item.event_id].add(item.content)
    assert all(len(found) == 1 for found in contents.values()), "two bodies share an event"

    first: dict[tuple[str, ...], Sent] = {}
    for item in sent:
        if not item.name:
            assert not item.refused
            continue
        before = first.setdefault(item.name, item)
        is_form = item.name[0] == "form"
        assert item.refused == (not is_form and before.content != item.content), item
        if before.content == item.content:
            assert item.event_id == before.event_id, "an exact repeat is another event"
    nameless = [item.event_id for item in accepted if not item.name]
    assert len({*nameless}) == len(nameless)

    for item in accepted:
        api.settled({"lead_id": item.lead_id, "event_id": item.event_id})
        entry = next(one for one in api.timeline(item.lead_id) if one["id"] == item.event_id)
        person = entry["data"]["person"]
        assert (person["email"], person.get("title") or "") == item.content[:2]


def deliver(api: Api, intake_key: str, run: str, post: Post) -> Iterator[Sent]:
    """Send a request; yield what became of each of its items."""
    headers = {"Idempotency-Key": f"{run}{post.key}"} if post.key else {}
    if post.caller == "form":
        item = post.items[0]
        fields = {
            "email": email_of(item, run),
            "title": item.title,
            "form id": item.form_id,
            "entry id": item.event_id and f"{run}{item.event_id}",
        }
        answer = api.http.post("/hooks/forms/website", data=fields, headers=headers)
        assert answer.status_code == 202, answer.text
        yield sent_item(post, item, 0, run, answer.json())
        return
    if post.caller == "intake":
        headers["Authorization"] = f"Bearer {intake_key}"
    bodies = [body_of(item, run) for item in post.items]
    if not post.is_list:
        answer = api.http.post("/v1/leads", json=bodies[0], headers=headers)
        yield sent_item(post, post.items[0], 0, run, answer.json())
        return
    answer = api.http.post("/v1/leads", json=bodies, headers=headers)
    assert answer.status_code in {202, 422}, answer.text
    for index, (item, result) in enumerate(zip(post.items, answer.json()["results"], strict=True)):
        yield sent_item(post, item, index, run, result.get("problem") or result)


def email_of(item: Item, run: str) -> str:
    return f"{item.person}@{item.person}{run}.example"


def body_of(item: Item, run: str) -> dict[str, Any]:
    body: dict[str, Any] = {"person": {"email": email_of(item, run), "title": item.title or None}}
    if item.form_id:
        body["source"] = {"form_id": item.form_id}
    if item.event_id:
        body["event_id"] = f"{run}{item.event_id}"
    return body


def sent_item(post: Post, item: Item, index: int, run: str, answer: dict[str, Any]) -> Sent:
    name: tuple[str, ...] = ()
    if item.event_id:
        name = (post.caller, "event_id", item.event_id, item.form_id)
    elif post.key:
        name = (post.caller, "key", post.key, str(index))
    if name and post.caller == "form":
        name = (*name, item.person, item.title, item.form_id)  # another form is an event of its own
    refused = "event_id" not in answer
    if refused:
        assert (answer["status"], answer["type"]) == (422, _REUSED)
    content = (email_of(item, run), item.title, item.form_id)
    return Sent(name, content, answer.get("event_id", ""), answer.get("lead_id", ""), refused)

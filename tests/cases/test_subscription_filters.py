"""A subscription that could never hear anything is refused, with the path and what is meant instead."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.domain.event_filters import filter_problems
from tests.support.api import Api

HEARD: list[tuple[list[str], dict[str, Any]]] = [
    (["lead.routed"], {}),
    (["lead.routed"], {"decision.queue": "sdr"}),
    (["lead.routed"], {"decision.queue": ["sdr", "bdr"], "decision.motion": "work"}),
    (["lead.routed"], {"decision.owner": None}),
    (["lead.routed"], {"decision.change": ["assigned", "moved", "listed"]}),
    (["lead.routed"], {"score.total": 100, "score.band": "sql", "score.segment": None}),
    (["lead.routed"], {"company.country": "US", "person.email_kind": "work", "company.employees": 90}),
    (["lead.routed"], {"trigger.kind": "lead", "trigger.type": "demo_request"}),
    (["lead.suppressed"], {"decision.reason": "spam"}),
    (["lead.*"], {"decision.reason": "spam"}),
    (["lead.*"], {"previous_owner": "sdr-1"}),
    (["lead.handed_off"], {"notes.budget": "50k"}),
    (["account.qualified"], {"account_view.relation": "target", "account_view.spike": True}),
    (["lead.routed", "account.*"], {"decision.queue": "sdr"}),
    (["*"], {"account": "kestrel.example"}),
]
NEVER: list[tuple[list[str], dict[str, Any], str, str]] = [
    (["lead.routed"], {"data.decision.queue": "sdr"}, "/filter/data.decision.queue", '"decision.queue"?'),
    (["lead.routed"], {"decision.que": "sdr"}, "/filter/decision.que", '"decision.queue"?'),
    (["lead.routed"], {"source.channel": "website"}, "/filter/source.channel", "no source.channel"),
    (["lead.routed"], {"answers.interest": "demo"}, "/filter/answers.interest", "no answers.interest"),
    (["lead.routed"], {"decision.reason": "spam"}, "/filter/decision.reason", "no decision.reason"),
    (["lead.suppressed"], {"decision.queue": "sdr"}, "/filter/decision.queue", "no decision.queue"),
    (["account.*"], {"decision.queue": "sdr"}, "/filter/decision.queue", "no decision.queue"),
    (["lead.routed"], {"": "x"}, "/filter/", "has no"),
    (["lead.routed"], {"a/b~c": "x"}, "/filter/a~1b~0c", "has no"),
    (["lead.routed"], {"score.band": "SQL"}, "/filter/score.band", "one of cold, mql, sql"),
    (["lead.routed"], {"score.band": ["sql", "warm"]}, "/filter/score.band", "one of cold, mql, sql"),
    (["lead.routed"], {"decision.motion": "nurtur"}, "/filter/decision.motion", '"nurture"?'),
    (["lead.routed"], {"score.total": "90"}, "/filter/score.total", "a number"),
    (["lead.routed"], {"score.total": 101}, "/filter/score.total", "a number"),
    (["lead.routed"], {"score.total": True}, "/filter/score.total", "a number"),
    (["lead.routed"], {"decision.queue": 3}, "/filter/decision.queue", "a text"),
    (["lead.routed"], {"decision.queue": None}, "/filter/decision.queue", "a text"),
    (["account.qualified"], {"account_view.spike": "true"}, "/filter/account_view.spike", "true or false"),
    (["lead.routed"], {"occurred_at": "2026-01-01T00:00:00Z"}, "/filter/occurred_at", "no single value"),
    (
        ["lead.routed"],
        {"company.technologies": "salesforce"},
        "/filter/company.technologies",
        "no single value",
    ),
    (["lead.routed"], {"decision": "sdr"}, "/filter/decision", "no single value"),
    (["lead.*"], {"previous_owner": "a", "score.band": "sql"}, "/filter/", "has no"),
]


@pytest.mark.parametrize(("events", "filter_"), HEARD, ids=str)
def test_a_filter_that_an_event_can_match_is_accepted(events, filter_):
    assert filter_problems(events, filter_) == []


@pytest.mark.parametrize(("events", "filter_", "pointer", "words"), NEVER, ids=str)
def test_a_filter_that_no_event_can_match_is_a_problem(events, filter_, pointer, words):
    [problem] = filter_problems(events, filter_)
    assert problem.pointer.startswith(pointer)
    assert words in problem.detail


def test_the_api_refuses_what_would_never_come_and_changes_nothing(api: Api):
    new = {"url": "http://127.0.0.1:9/hook", "events": ["lead.routed"], "filter": {"decision.que": "sdr"}}
    answer = api.http.post("/v1/subscriptions", json=new)
    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert problem["pointer"] == "/filter/decision.que"
    made = api.http.post("/v1/subscriptions", json=new | {"filter": {"decision.queue": "sdr"}})
    assert made.status_code == 201, made.text
    path = f"/v1/subscriptions/{made.json()['id']}"
    for change in ({"filter": {"decision.motion": "rest"}}, {"events": ["account.qualified"]}):
        assert api.http.patch(path, json=change).status_code == 422
    assert api.http.patch(path, json={"state": "disabled"}).status_code == 200
    kept = api.http.get(path).json()
    assert (kept["filter"], kept["events"]) == ({"decision.queue": "sdr"}, ["lead.routed"])

"""A subscription that could never hear anything is refused, with the path and what is meant instead."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import pytest

from services.gateway.domain.event_filters import compiled_filter, filter_problems
from shared.lead.events.parts import Person
from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.receiver import Delivery, Receiver
from tests.support.scored_leads import AT, scored_lead

HEARD: list[tuple[list[str], dict[str, Any]]] = [
    (["lead.routed"], {}),
    (["lead.routed"], {"decision.queue": "sdr"}),
    (["lead.routed"], {"decision.queue": ["sdr", "bdr"], "decision.motion": "work"}),
    (["lead.routed"], {"decision.owner": None}),
    (["lead.routed"], {"score.band": "SQL"}),
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
    (["lead.routed"], {"score.band": "warm"}, "/filter/score.band", "one of cold, mql, sql"),
    (["lead.routed"], {"score.band": ["sql", "warm"]}, "/filter/score.band", "one of cold, mql, sql"),
    (["lead.routed"], {"decision.motion": "nurtur"}, "/filter/decision.motion", '"nurture"?'),
    (["lead.routed"], {"score.total": "90"}, "/filter/score.total", "whole number"),
    (["lead.routed"], {"score.total": 101}, "/filter/score.total", "0 to 100"),
    (["lead.routed"], {"score.total": True}, "/filter/score.total", "whole number"),
    (["lead.routed"], {"decision.queue": 3}, "/filter/decision.queue", "should be text"),
    (["lead.routed"], {"decision.queue": None}, "/filter/decision.queue", "never missing"),
    (["account.qualified"], {"account_view.spike": "true"}, "/filter/account_view.spike", "true or false"),
    (["lead.routed"], {"occurred_at": "2026-01-01T00:00:00Z"}, "/filter/occurred_at", "has no operator eq"),
    (
        ["lead.routed"],
        {"company.technologies": "salesforce"},
        "/filter/company.technologies",
        "has no operator eq; it has contains",
    ),
    (["lead.routed"], {"decision": "sdr"}, "/filter/decision", "no single value"),
    (["lead.*"], {"amount.currency": "EUR", "decision.reason": "spam"}, "/filter/", "has no"),
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


def _field(field: str, **operator: Any) -> dict[str, Any]:
    return {"field": field} | operator


AMOUNT = _field("amount.currency", eq="EUR")
SQL = _field("score.band", eq="sql")
CONDITIONS: list[tuple[list[str], dict[str, Any]]] = [
    (["lead.routed"], _field("decision.queue", eq="sdr")),
    (["lead.routed"], _field("decision.queue", ne="sdr")),
    (["lead.routed"], _field("decision.change", **{"in": ["assigned", "MOVED"]})),
    (["lead.routed"], _field("decision.motion", not_in=["nurture"])),
    (["lead.routed"], _field("score.total", gte=60)),
    (["lead.routed"], _field("company.employees", between=[200, 2000])),
    (["lead.routed"], _field("company.technologies", contains_any=["Salesforce", "hubspot"])),
    (["lead.routed"], _field("person.title", contains="sales")),
    (["lead.routed"], _field("person.email", ends_with="@kestrel.example")),
    (["lead.routed"], _field("person.title", matches="^(vp|head)")),
    (["lead.routed"], _field("decision.owner", exists=True)),
    (["lead.routed"], _field("company.last_funding_at", within="180d")),
    (["lead.routed"], _field("occurred_at", gte="2026-01-01")),
    (["lead.handed_off"], _field("notes.budget", gte=50_000)),
    (["lead.routed"], {"all": [SQL, {"any": [_field("score.fit", gt=50), {"not": SQL}]}]}),
    # Each event has one of the two fields.
    (["lead.*"], {"any": [_field("decision.change", eq="moved"), _field("previous_owner", exists=True)]}),
    (["account.*"], {"not": _field("account_view.relation", eq="customer")}),
    (["lead.routed", "lead.suppressed"], {"all": [_field("decision.queue", missing=True)]}),
]
FAULTS: list[tuple[list[str], dict[str, Any], str, str]] = [
    (["lead.routed"], _field("decision.que", eq="sdr"), "/filter/field", '"decision.queue"?'),
    (["lead.routed"], {"all": [SQL, _field("band", eq="x")]}, "/filter/all/1/field", "has no band"),
    (["lead.routed"], {"not": {"any": [_field("", eq="x")]}}, "/filter/not/any/0/field", "has no"),
    (["account.*"], {"any": [_field("decision.queue", eq="x")]}, "/filter/any/0/field", "no decision.queue"),
    (["lead.routed"], _field("score.band", gt=3), "/filter/gt", "has no operator gt; it has eq"),
    (["lead.routed"], _field("score.total", contains="9"), "/filter/contains", "has no operator contains"),
    (["lead.routed"], _field("person.title", within="3d"), "/filter/within", "has no operator within"),
    (["lead.routed"], _field("score.total", gte="90"), "/filter/gte", "whole number"),
    (["lead.routed"], _field("score.total", gt=100), "/filter/gt", "never"),
    (["lead.routed"], _field("score.total", lte=101), "/filter/lte", "0 to 100"),
    (["lead.routed"], _field("score.total", between=[9, 3]), "/filter/between", "lower one comes first"),
    (["lead.routed"], _field("score.band", eq="warm"), "/filter/eq", "one of cold, mql, sql"),
    (["lead.routed"], _field("score.band", **{"in": ["sql", "warm"]}), "/filter/in/1", "never"),
    (["lead.routed"], _field("score.band", not_in=["cold", "mql", "sql"]), "/filter", "never"),
    (["lead.routed"], _field("decision.change", **{"in": []}), "/filter/in", "at least one value"),
    (["lead.routed"], _field("person.title", matches="("), "/filter/matches", "not a pattern"),
    (["lead.routed"], _field("decision.queue", equals="x"), "/filter/equals", "unknown operator"),
    (["lead.routed"], _field("decision.queue", exists=False), "/filter/exists", "never missing"),
    (["lead.routed"], _field("decision.queue"), "/filter", "one operator"),
    (["lead.routed"], _field("decision.queue", eq="a", ne="b"), "/filter/ne", "one operator"),
    (["lead.routed"], {"all": []}, "/filter/all", "at least one condition"),
    (["lead.routed"], {"all": [SQL], "decision.queue": "sdr"}, "/filter/decision.queue", "unknown word"),
    (["lead.routed"], {"use": "good"}, "/filter/use", "no condition is named"),
    (["lead.*"], {"all": [AMOUNT, _field("decision.reason", eq="spam")]}, "/filter/all/", "has no"),
    (["lead.routed"], {"decision.queue": {"a": 1}}, "/filter/decision.queue", "one value"),
    (["lead.routed"], {"decision.queue": [["a"]]}, "/filter/decision.queue", "one value"),
    (["lead.routed"], {str(number): 1 for number in range(21)}, "/filter", "more than 20"),
    (["lead.routed"], {"any": [SQL] * 101}, "/filter", "more than 100"),
    (["lead.routed"], _field("decision.queue", **{"in": ["x"] * 1001}), "/filter", "more than 1,000"),
    (["lead.routed"], reduce(lambda inner, _: {"not": inner}, range(18), SQL), "/filter/not", "deeper"),
    (["lead.routed"], reduce(lambda inner, _: {"not": inner}, range(300), SQL), "/filter", "too deep"),
]
LEAD = scored_lead(person=Person(email="ana@kestrel.example", title="VP Sales"), employees=200)
MATCHES: list[tuple[dict[str, Any], bool]] = [
    (_field("score.band", eq="MQL"), True),
    ({"score.band": "MQL"}, True),
    (_field("score.band", ne="sql"), True),
    (_field("company.employees", between=[200, 300]), True),
    (_field("company.employees", gt=200), False),
    (_field("person.title", contains="sales"), True),
    (_field("person.title", starts_with="vp"), True),
    (_field("person.title", matches="^sales"), False),
    # A field that is missing matches neither a comparison nor its negation.
    (_field("person.phone", eq="1"), False),
    (_field("person.phone", ne="1"), False),
    ({"not": _field("person.phone", eq="1")}, False),
    (_field("person.phone", missing=True), True),
    (_field("person.phone", exists=True), False),
    ({"any": [_field("person.phone", eq="1"), _field("company.employees", lte=200)]}, True),
    ({"all": [_field("person.phone", eq="1"), _field("company.employees", lte=200)]}, False),
    # No default of a policy's field is a value of the event.
    ({"spam_score": 0}, False),
    (_field("occurred_at", within="1d"), True),
    (_field("occurred_at", lt="2026-01-01"), False),
]


@pytest.mark.parametrize(("events", "filter_"), CONDITIONS, ids=str)
def test_a_condition_of_the_policy_language_is_accepted(events, filter_):
    assert filter_problems(events, filter_) == []


@pytest.mark.parametrize(("events", "filter_", "pointer", "words"), FAULTS)
def test_a_faulty_condition_is_a_problem_where_the_fault_is(events, filter_, pointer, words):
    [problem] = filter_problems(events, filter_)
    assert problem.pointer.startswith(pointer)
    assert words in problem.detail


def test_every_fault_of_a_condition_is_a_problem_of_its_own():
    faults = {"all": [_field("decision.que", eq="x"), SQL, _field("score.total", gt="9")]}
    assert [problem.pointer for problem in filter_problems(["lead.routed"], faults)] == [
        "/filter/all/0/field",
        "/filter/all/2/gt",
    ]


@pytest.mark.parametrize(("filter_", "matches"), MATCHES, ids=str)
def test_an_event_matches_as_facts_match_in_a_policy(filter_, matches):
    assert compiled_filter(["*"], filter_)(LEAD, AT) is matches


def test_the_api_takes_a_condition_at_creation_and_at_a_change(api: Api):
    wanted = {"all": [SQL, {"not": _field("decision.queue", eq="sdr")}]}
    new = {"url": "http://127.0.0.1:9/hook", "events": ["lead.routed"], "filter": wanted}
    made = api.http.post("/v1/subscriptions", json=new)
    assert (made.status_code, made.json()["filter"]) == (201, wanted)
    path = f"/v1/subscriptions/{made.json()['id']}"
    answer = api.http.patch(path, json={"filter": {"all": [SQL, _field("score.band", eq="warm")]}})
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["errors"]] == ["/filter/all/1/eq"]
    assert api.http.patch(path, json={"filter": SQL}).json()["filter"] == SQL


def test_only_events_that_match_are_delivered(api: Api, receiver: Receiver, moved_clock: MovedClock):
    filters: list[dict[str, Any]] = [
        {"all": [_field("company.domain", starts_with="WANTED"), _field("person.email", exists=True)]},
        {"not": _field("person.email", ends_with="@other.example")},
        {"person.email": "Ana@Wanted.example"},
    ]
    endpoints = [Receiver(moved_clock.now) for _ in filters]

    def heard_by(endpoint: Receiver) -> list[Delivery] | None:
        return [*endpoint.deliveries] or None

    try:
        for endpoint, filter_ in zip(endpoints, filters, strict=True):
            new = {"url": endpoint.url, "events": ["lead.*"], "filter": filter_}
            made = api.http.post("/v1/subscriptions", json=new)
            assert made.status_code == 201, made.text
            endpoint.secret = made.json()["secret"]
        for email in ("ben@other.example", "ana@wanted.example"):
            domain = email.partition("@")[2]
            body = {"person": {"email": email, "first_name": "Ana"}, "company": {"domain": domain}}
            api.settled(api.post_lead(body))
        heard = [eventually(partial(heard_by, endpoint)) for endpoint in endpoints]
        assert eventually(lambda: len(receiver.deliveries) >= 2 or None)
    finally:
        for endpoint in endpoints:
            endpoint.close()
    assert {one.data["person"]["email"] for deliveries in heard for one in deliveries} == {
        "ana@wanted.example"
    }

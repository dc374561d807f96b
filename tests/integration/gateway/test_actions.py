"""What reps do with leads over HTTP, and outcomes; the router's part is played by its rows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from services.gateway import polling
from services.gateway.domain.actions import Verb
from services.ledger.domain.rows import ViewRow
from services.router.domain.state import AssignmentRow, RepQueueRow, RoutedLeadRow
from shared.lead.events.envelope import Event
from shared.lead.events.parts import Actor
from shared.lead.ids import lead_id_of
from shared.worker.rows import InputRow
from tests.support.gateway import RunningGateway

ACTIONS = "actions.received.v1"
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
DUE = AT + timedelta(hours=4)
ANA, BEN = (lead_id_of(f"email:{name}@kestrel.example") for name in ("ana", "ben"))
GIVE_UP_S = 600.0
NEVER = "2999-01-01T00:00:00Z"


@pytest.fixture
async def gateway(start_gateway):
    running = await start_gateway()
    await running.apply_policy()
    await running.store(
        ViewRow(
            ANA,
            "kestrel.example",
            "ana@kestrel.example",
            "routed",
            "sdr",
            "sdr-1",
            1,
            AT,
            owned_sequence=1,
        ),
        RoutedLeadRow(ANA, "kestrel.example", 1, 1, 1, "routed", "sdr", "work", "fits", False),
        AssignmentRow("1", ANA, "kestrel.example", "sdr", "sdr-4", "rejected", 1, AT, None, closed_at=AT),
        AssignmentRow("2", ANA, "kestrel.example", "sdr", "sdr-1", "open", 1, AT, DUE),
    )
    return running


async def decided(gateway: RunningGateway, outcome: str) -> Event[Any]:
    """Wait for an action, and record what the router would make of it."""
    (event,) = await gateway.events(ACTIONS, 1)
    await gateway.store(InputRow(event.id, event.source, "router", outcome, event.subject, AT))
    return event


async def act(
    gateway: RunningGateway, verb: str, outcome: str, lead: str = ANA, **more: Any
) -> tuple[Any, Event[Any]]:
    """Do something with the lead; return the answer and the action's event, once the router has decided."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polling, "WAIT_S", GIVE_UP_S)
        answer, event = await asyncio.gather(
            gateway.ask("POST", f"/v1/leads/{lead}/{verb}", **more), decided(gateway, outcome)
        )
    return answer[:2], event


async def test_an_owner_acts_and_gets_the_result(gateway):
    own = await gateway.key_headers("rep", rep="sdr-1")
    (status, view), event = await act(gateway, "accept", "applied", headers=own)
    assert (status, view["lead_id"], view["sla"]) == (
        200,
        ANA,
        {"accept_by": "2026-03-01T13:00:00Z", "accepted_at": None},
    )
    assert (event.subject, event.key) == (ANA, "kestrel.example")
    assert msgspec.json.decode(event.raw) == {
        "lead_id": ANA,
        "type": "accept",
        "rep": "sdr-1",
        "actor": {"key": "test", "rep": "sdr-1"},
    }


@pytest.mark.parametrize("outcome", ["unchanged", "superseded"])
async def test_an_action_that_does_not_fit_the_lead_is_a_409_that_shows_the_lead(gateway, outcome):
    (status, problem), event = await act(gateway, "reassign", outcome, json={"to": "bdr-1", "reason": "big"})
    assert (status, problem["lead"]["owner"]) == (409, "sdr-1")
    assert (event.data.rep, event.data.to, event.data.reason) == (None, "bdr-1", "big")
    assert event.data.actor == Actor("admin")
    assert problem["detail"] == "Nobody in bdr may take the lead now"


async def test_a_409_says_in_words_what_stands_against_the_action(gateway):
    (status, problem), _ = await act(gateway, "reassign", "unchanged", json={"to": "sdr-1"})
    assert (status, problem["detail"]) == (409, "sdr-1 has owned this lead since 2026-03-01 09:00 UTC")
    assert problem["lead"]["owner"] == "sdr-1"


async def test_a_manager_may_act_as_a_rep(gateway):
    manager = await gateway.key_headers("manager")
    body = {"rep": "sdr-1", "to": "ae-1", "notes": {"budget": "50k"}}
    (status, _view), event = await act(gateway, "handoff", "applied", headers=manager, json=body)
    assert (status, event.data.rep, event.data.notes) == (200, "sdr-1", {"budget": "50k"})


async def test_without_a_decision_in_time_the_answer_is_202_with_a_status_url(gateway):
    status, answer, _ = await gateway.ask("POST", f"/v1/leads/{ANA}/snooze", json={"until": NEVER})
    assert (status, answer["status_url"]) == (202, f"/v1/leads/{ANA}")


async def test_a_rep_acts_as_itself_on_its_own_leads(gateway):
    own, stranger, before = [await gateway.key_headers("rep", rep=rep) for rep in ("sdr-1", "sdr-2", "sdr-4")]
    for verb in get_args(Verb):
        body = {"until": NEVER}
        path = f"/v1/leads/{ANA}/{verb}"
        status, problem, _ = await gateway.ask("POST", path, headers=stranger, json=body)
        assert (status, problem["detail"]) == (403, "sdr-1 has owned this lead since 2026-03-01 09:00 UTC")
        status, problem, _ = await gateway.ask("POST", path, headers=before, json=body)
        assert (status, problem["lead"]["owner"]) == (409, "sdr-1")
        assert problem["detail"] == "sdr-1 has owned this lead since 2026-03-01 09:00 UTC"
        assert (await gateway.ask("POST", path, headers=own, json={**body, "rep": "sdr-2"}))[0] == 403
    reader = await gateway.key_headers("read")
    assert (await gateway.ask("POST", f"/v1/leads/{ANA}/accept", headers=reader))[0] == 403


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("snooze", {}, 422),
        ("snooze", {"until": "2020-01-01T00:00:00Z"}, 422),
        ("snooze", {"until": "soon"}, 422),
        ("accept", {"unknown": 1}, 422),
        ("accept", [], 422),
        ("handoff", {"notes": "text"}, 422),
        ("handoff", {"to": "csm", "notes": {"budget": "50k"}}, 422),
        ("reassign", {"to": "sdr-9"}, 422),
        ("accept", {"rep": "sdr-9"}, 422),
        ("reject", {"reason": "boring"}, 422),
        ("accept", {"actor": {"key": "admin"}}, 422),
    ],
)
async def test_bad_actions_are_refused(gateway, verb, body, status):
    assert (await gateway.ask("POST", f"/v1/leads/{ANA}/{verb}", json=body))[0] == status


KNOWN_FIRST = "known_first: {senior-ae: [need, timeline], bdr: [budget]}"


async def test_a_hand_off_names_each_note_that_the_queue_demands(gateway):
    routing = Path("config/routing.yaml").read_text().replace("known_first: {}", KNOWN_FIRST)
    await gateway.apply_policy(routing=routing)
    handoff = f"/v1/leads/{ANA}/handoff"
    for to in ("senior-ae", "ae-1"):
        body = {"to": to, "notes": {"need": " ", "timeline": [], "color": "blue"}}
        status, problem, _ = await gateway.ask("POST", handoff, json=body)
        assert (status, [fault["pointer"] for fault in problem["errors"]]) == (
            422,
            ["/notes/need", "/notes/timeline"],
        )
        assert problem["errors"][0]["detail"] == "senior-ae must know need before a hand-off"
    noted = {"to": "ae-1", "notes": {"need": "reports", "timeline": {"go_live": "June"}}}
    (status, _), event = await act(gateway, "handoff", "applied", json=noted)
    assert (status, event.data.to) == (200, "ae-1")


@pytest.mark.parametrize(
    ("to", "missing"),
    [
        ("ae-1", ["need", "timeline"]),
        ("senior-ae", ["need", "timeline"]),
        ("bdr-1", ["budget"]),
        ("sdr", []),
        ("sdr-2", []),
        (None, []),
    ],
)
async def test_a_rep_reassigns_to_another_queue_only_what_that_queue_demands_to_be_known(
    gateway, to: str | None, missing: list[str]
):
    routing = Path("config/routing.yaml").read_text().replace("known_first: {}", KNOWN_FIRST)
    await gateway.apply_policy(routing=routing)
    own = await gateway.key_headers("rep", rep="sdr-1")
    # A reassignment keeps no notes, so notes in it do not count.
    body = {"to": to, "notes": {"need": "reports", "timeline": "June", "budget": "60k"}}
    if missing:
        path = f"/v1/leads/{ANA}/reassign"
        status, problem, _ = await gateway.ask("POST", path, headers=own, json=body)
        assert (status, [fault["pointer"] for fault in problem["errors"]]) == (
            422,
            [f"/notes/{name}" for name in missing],
        )
        assert problem["errors"][0]["detail"].endswith(
            f"must know {missing[0]} first: hand the lead off with this note"
        )
        own = await gateway.key_headers("manager")
    assert (await act(gateway, "reassign", "applied", headers=own, json=body))[0][0] == 200


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"rep": "ae-1"}, "The lead is in sdr, and ae-1 is not"),
        ({}, "Nobody owns the lead: name the rep of sdr who takes it"),
    ],
)
async def test_a_listed_lead_is_taken_by_a_rep_of_its_queue_only(gateway, body, detail: str):
    listed = RoutedLeadRow(BEN, "kestrel.example", 1, 1, 1, "listed", "sdr", "nurture", "nurture", False)
    view = ViewRow(BEN, "kestrel.example", "ben@kestrel.example", "routed", "sdr", None, 1, AT)
    await gateway.store(view, listed)
    other = await gateway.key_headers("rep", rep="ae-1")
    for verb in ("reject", "handoff"):
        status, problem, _ = await gateway.ask("POST", f"/v1/leads/{BEN}/{verb}", headers=other)
        assert (status, problem["detail"]) == (403, "Nobody owns the lead: it is listed in sdr")
    (status, problem), _ = await act(gateway, "accept", "unchanged", lead=BEN, json=body)
    assert (status, problem["detail"]) == (409, detail)


async def test_a_rep_key_is_for_a_rep_of_the_team_and_ends_with_the_rep(gateway):
    new: dict[str, Any] = {"name": "x", "scopes": ["rep"], "rep": "sdr-9"}
    status, problem, _ = await gateway.ask("POST", "/v1/api-keys", json=new)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/rep")
    leaver = await gateway.key_headers("rep", rep="sdr-1")
    both = await gateway.key_headers("rep", "manager", rep="sdr-1")
    team = Path("config/team.yaml").read_text().replace("id: sdr-1,", "id: sdr-10,")
    await gateway.apply_policy(team=team)
    for method, path in (("POST", f"/v1/leads/{ANA}/accept"), ("GET", "/v1/leads"), ("GET", "/v1/reps")):
        status, problem, _ = await gateway.ask(method, path, headers=leaver)
        assert (status, problem["type"]) == (403, "urn:baton:problem:rep-left")
        assert "sdr-1, who is not in the team any more" in problem["detail"]
    assert (await gateway.ask("GET", "/v1/leads", headers=both))[0] == 200


async def test_a_rejection_by_outcome_has_a_reason_of_the_policy(gateway):
    rejected = {"type": "rejected", "at": "2026-03-02T09:00:00Z", "lead_id": ANA}
    status, problem, _ = await gateway.ask("POST", "/v1/outcomes", json={**rejected, "reason": "boring"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/reason")
    for reason in ({"reason": "No budget"}, {}):
        assert (await gateway.ask("POST", "/v1/outcomes", json=rejected | reason))[0] == 202


async def test_an_action_on_an_unknown_lead_is_a_404(gateway):
    status, problem, headers = await gateway.ask("POST", "/v1/leads/unknown/accept")
    assert (status, problem["type"], headers["Retry-After"]) == (404, "urn:baton:problem:not-yet-known", "1")


async def test_outcomes_are_accepted_by_lead_and_by_email(gateway):
    own = await gateway.key_headers("rep", rep="sdr-1")
    won = {"type": "won", "at": "2026-03-02T09:00:00Z", "amount": {"value": 9, "currency": "EUR"}}
    first = await gateway.ask("POST", "/v1/outcomes", json={**won, "lead_id": ANA})
    second = await gateway.ask(
        "POST", "/v1/outcomes", json={**won, "email": "Ana@kestrel.example"}, headers=own
    )
    events = {event.id: event for event in await gateway.events("outcomes.received.v1", 2)}
    assert (first[0], second[0]) == (202, 202)
    by_lead, by_email = events[first[1]["event_id"]], events[second[1]["event_id"]]
    assert by_lead.subject == by_email.subject == ANA
    acted = {"actor": {"key": "admin", "rep": None}}
    assert msgspec.json.decode(by_lead.raw) == {**won, "lead_id": ANA, **acted}
    assert (by_email.key, by_email.data.rep) == ("kestrel.example", "sdr-1")
    assert by_email.data.actor == Actor("test", "sdr-1")
    other = await gateway.key_headers("rep", rep="sdr-2")
    assert (await gateway.ask("POST", "/v1/outcomes", json={**won, "lead_id": ANA}, headers=other))[0] == 403


async def test_an_outcome_may_name_a_rep_who_has_left_the_team(gateway):
    await gateway.store(RepQueueRow("sdr", "sdr-0", 5, 0, 0))
    won = {"type": "won", "at": "2026-03-02T09:00:00Z", "lead_id": ANA, "rep": "sdr-0"}
    assert (await gateway.ask("POST", "/v1/outcomes", json=won))[0] == 202


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"type": "won", "at": NEVER}, ""),
        ({"type": "won", "at": NEVER, "email": "nobody"}, "/email"),
        ({"type": "lost"}, "/at"),
        ({"type": "bought", "at": NEVER, "lead_id": "x"}, "/type"),
        ({"type": "won", "at": NEVER, "lead_id": "x", "amount": {"value": 1, "currency": "1"}}, "/amount"),
        ({"type": "won", "at": NEVER, "lead_id": "x", "rep": "sdr-9"}, "/rep"),
        ({"type": "rejected", "at": NEVER, "lead_id": "x", "rep": "Ana Ruiz"}, "/rep"),
        ({"type": "lost", "at": NEVER, "lead_id": "x", "rep": "\u0085"}, "/rep"),
        ({"type": "lost", "at": NEVER, "lead_id": "x", "actor": {"key": "admin"}}, "/actor"),
    ],
)
async def test_bad_outcomes_are_refused(gateway, body, pointer):
    status, problem, _ = await gateway.ask("POST", "/v1/outcomes", json=body)
    assert status == 422
    assert problem["errors"][0]["pointer"].startswith(pointer)


async def test_a_list_of_outcomes_is_accepted_item_by_item(gateway):
    won = {"type": "won", "at": "2026-03-02T09:00:00Z", "email": "ana@kestrel.example"}
    reply = {**won, "type": "reply", "external_id": "r1"}
    told = [won, reply, reply, {**won, "rep": "sdr-9"}, {**won, "typ": "x"}, {**reply, "stage": "x"}, 7]
    status, answer, _ = await gateway.ask("POST", "/v1/outcomes", json=told)
    assert status == 202
    ids = [one.get("event_id") for one in answer["results"]]
    assert [bool(id_) for id_ in ids] == [True, True, True, False, False, False, False]
    assert ids[1] == ids[2]
    pointers = [one["problem"].get("errors", [{}])[0].get("pointer") for one in answer["results"][3:]]
    assert pointers == ["/rep", "/typ", None, ""]
    assert answer["results"][5]["problem"]["type"] == "urn:baton:problem:idempotency-key-reused"
    events = await gateway.events("outcomes.received.v1", 2)
    assert [event.data.type for event in events] == ["won", "reply"]
    own = await gateway.key_headers("rep", rep="sdr-1")
    status, answer, _ = await gateway.ask(
        "POST", "/v1/outcomes", json=[won, {**won, "rep": "sdr-2"}], headers=own
    )
    refused = [one["problem"]["status"] for one in answer["results"] if "problem" in one]
    assert (status, refused) == (202, [403])
    for body in ([], [won] * 1_001):
        assert (await gateway.ask("POST", "/v1/outcomes", json=body))[0] == 422


async def test_a_crms_csv_of_opportunities_is_accepted_once(gateway):
    table = (
        "Opportunity ID,Stage,Amount,Currency,Close Date,Created Date,Lead Email\n"
        "006A,Closed Won,48000,USD,2026-03-20,2026-01-05,ana@kestrel.example\n"
        "006B,Negotiation,9000,EUR,2026-12-31,2026-01-25,ben@kestrel.example\n"
        "006C,Closed Lost,9000,,2026-03-01,2026-01-25,cy@kestrel.example\n"
    )
    headers = {"content-type": "text/csv; charset=utf-8"}
    first = await gateway.ask("POST", "/v1/outcomes", data=table, headers=headers)
    again = await gateway.ask("POST", "/v1/outcomes", data=table, headers=headers)
    assert (first[0], first[1]) == (202, again[1])
    assert "currency" in first[1]["results"][2]["problem"]["errors"][0]["detail"]
    won, opened = await gateway.events("outcomes.received.v1", 2)
    assert (won.data.type, won.data.opportunity_id, won.data.amount.value) == ("won", "006A", 48_000)
    assert (opened.data.stage, opened.data.close_date.isoformat()) == ("Negotiation", "2026-12-31")
    assert (await gateway.ask("POST", "/v1/outcomes", data="", headers=headers))[0] == 422
    assert (await gateway.ask("POST", "/v1/outcomes", data="a", headers={"content-type": "text/plain"}))[
        0
    ] == 415

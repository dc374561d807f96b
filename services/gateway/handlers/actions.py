"""What reps do with leads, and what came of leads: published, and then the router's result awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct, structs

from services.gateway.domain.access import Principal
from services.gateway.domain.actions import ACTION_RECEIVED, ActionBody, Verb, acting_rep, action_of
from services.gateway.domain.arrival import SOURCE
from services.gateway.domain.outcomes import OUTCOME_RECEIVED, lead_of
from services.gateway.handlers.bodies import decoded, json_bytes, optional_json_body
from services.gateway.handlers.exchange import PROBLEM_HEADERS, Answer, Call, json_answer
from services.gateway.handlers.intake import AcceptedSignal, arrival, status_url, traced
from services.gateway.handlers.leads import LeadView, lead_id_of, not_yet_known
from services.gateway.handlers.waiting import pauses
from services.gateway.queries.leads import lead_view, surviving_lead
from services.gateway.queries.ownership import ownership, routers_outcome
from shared.errors import Reject
from shared.lead.events.envelope import Event, encode
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.identity import account_key
from shared.web.problem import TYPE_PREFIX
from shared.worker.decision import Outcome

_outcome = msgspec.json.Decoder(OutcomeReceivedV1)
_body = msgspec.json.Decoder(ActionBody)


class Pending(Struct, frozen=True):
    """The action is in the stream, durably; the router has not decided on it yet."""

    event_id: str
    status_url: str


class Unchanged(Struct, frozen=True):
    """A problem document (RFC 9457): the action does not fit the lead, which is as in `lead`."""

    type: str
    title: str
    status: int
    detail: str
    lead: LeadView


class _Subject(Struct, frozen=True):
    """The lead that an action is about: where it stands, who owns it, who ever did."""

    lead_id: str
    view: dict[str, Any]
    owner: str | None
    held_by: frozenset[str]


async def post_outcome(call: Call) -> Answer:
    """Take what came of a lead."""
    raw = await json_bytes(call)
    body = decoded(raw, _outcome)
    named = lead_of(body)
    principal = _principal(call)
    rep = acting_rep(principal, body.rep)
    async with call.gateway.database.read() as tx:
        lead_id = await surviving_lead(tx, named)
        own = await ownership(tx, lead_id)
    if not principal.may("manager") and own.owner != rep:
        raise _not_yours()
    with traced(call, "POST /v1/outcomes") as traceparent:
        known = arrival(call, traceparent)
        event = Event(
            id=known.event_id(OUTCOME_RECEIVED),
            source=SOURCE,
            type=OUTCOME_RECEIVED,
            subject=lead_id,
            time=known.at,
            data=structs.replace(body, rep=rep),
            raw=raw if rep == body.rep else b"",
            key=account_key(None, body.email, lead_id),
            traceparent=traceparent,
        )
        await call.gateway.publisher.publish((encode(event),))
    return json_answer(202, AcceptedSignal(event.id))


def taking(verb: Verb) -> Callable[[Call], Awaitable[Answer]]:
    """Return the handler that does this with a lead."""

    async def take(call: Call) -> Answer:
        return await _take(call, verb)

    return take


async def _take(call: Call, verb: Verb) -> Answer:
    body = await optional_json_body(call, _body, ActionBody())
    principal = _principal(call)
    rep = acting_rep(principal, body.rep)
    subject = await _subject(call, lead_id_of(call))
    action = action_of(verb, subject.lead_id, body, rep=rep, now=call.gateway.clock.now())
    if not principal.may("manager") and subject.owner != rep:
        if rep in subject.held_by:
            return _conflict(subject.view, "The lead has gone to somebody else")
        raise _not_yours()
    with traced(call, f"POST /v1/leads/{{id}}/{verb}") as traceparent:
        known = arrival(call, traceparent)
        event = Event(
            id=known.event_id(ACTION_RECEIVED),
            source=SOURCE,
            type=ACTION_RECEIVED,
            subject=subject.lead_id,
            time=known.at,
            data=action,
            key=subject.view["account"] or subject.lead_id,
            traceparent=traceparent,
        )
        await call.gateway.publisher.publish((encode(event),))
        return await _told(call, event.id, subject.lead_id)


async def _told(call: Call, event_id: str, lead_id: str) -> Answer:
    """Answer with what the router made of the action, as soon as the lead's view shows it."""
    for pause_s in pauses():
        async with call.gateway.database.read() as tx:
            outcome = await routers_outcome(tx, event_id, SOURCE)
            if outcome is not None:
                view = await lead_view(tx, lead_id)
                if view is None:
                    raise not_yet_known()
                if outcome != Outcome.APPLIED:
                    return _conflict(view, f"The router left the lead as it is: {outcome}")
                if view["sequence"] >= (await ownership(tx, lead_id)).sequence:
                    return json_answer(200, view)
        await asyncio.sleep(pause_s)
    return json_answer(202, Pending(event_id, status_url(lead_id)))


async def _subject(call: Call, named: str) -> _Subject:
    async with call.gateway.database.read() as tx:
        lead_id = await surviving_lead(tx, named)
        view = await lead_view(tx, lead_id)
        own = await ownership(tx, lead_id)
    if view is None:
        raise not_yet_known()
    return _Subject(lead_id, view, own.owner, own.held_by)


def _principal(call: Call) -> Principal:
    if call.principal is None:
        raise RuntimeError("this endpoint has a scope")
    return call.principal


def _not_yours() -> Reject:
    return Reject(403, "forbidden", "This key does not allow that", "The lead is not this rep's")


def _conflict(view: dict[str, Any], detail: str) -> Answer:
    told = {
        "type": TYPE_PREFIX + "lead-unchanged",
        "title": "The lead is not as this needs it to be",
        "status": 409,
        "detail": detail,
        "lead": view,
    }
    return json_answer(409, told, PROBLEM_HEADERS)

"""`/v1/leads/{id}/accept|reject|reassign|snooze|handoff`: actions of reps on leads.

The gateway publishes the action, the router decides on it. The request waits for that decision for a short
time, so that most answers have the lead's new state.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from msgspec import structs
from pydantic import Field

from services.gateway.api.lead_id import LeadId, not_yet_known
from services.gateway.api.leads import LeadView
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, Time, problem_responses
from services.gateway.dependencies import Gateway, RequestArrival, Seller
from services.gateway.domain.actions import (
    ACTION_RECEIVED,
    Verb,
    acting_rep,
    actor_of,
    check_action,
    check_known_first,
    forbidden,
    may_act,
)
from services.gateway.domain.arrival import SOURCE
from services.gateway.domain.received import Received, received_event
from services.gateway.polling import poll_delays
from services.gateway.publish_once import publish_received
from services.gateway.queries.idempotency import find_record
from services.gateway.queries.lead_view import find_lead_view, surviving_lead
from services.gateway.queries.ownership import find_lead_state, find_router_outcome
from services.gateway.responses import extended_problem_doc, extended_problem_response, json_response
from services.gateway.state import GatewayState
from services.router.domain.refusals import nobody_may, owned_since, why_refused
from shared.lead.events.action_received import ActionReceivedV1
from shared.web.problem import TYPE_PREFIX
from shared.worker.decision import Outcome

router = APIRouter(prefix="/v1/leads", tags=["Lead actions"], route_class=ApiRoute)

Word = Annotated[str, Field(max_length=200)]
NoteValue = str | int | float | bool | None
Note = NoteValue | list[NoteValue]


class ActionBody(RequestBody):
    """Parameters of an action, each for some of the actions. A rep's key may leave out `rep`."""

    rep: Annotated[Word | None, Field(description="The rep who acts; a manager's key may name any")] = None
    reason: Annotated[
        str | None,
        Field(
            max_length=2_000,
            description="Why; for a reject one of the policy's reasons (`no_budget`), or none",
        ),
    ] = None
    to: Annotated[
        Word | None, Field(description="The rep or queue that gets the lead (reassign, handoff)")
    ] = None
    until: Annotated[Time | None, Field(description="The end of a snooze")] = None
    notes: Annotated[
        dict[Word, Note | dict[str, Note]],
        Field(
            max_length=100,
            description="What the owner learnt, by name: `budget`, `need`, `products` (handoff)",
        ),
    ] = Field(default_factory=dict)


class PendingAction(ApiModel):
    """The action is durably in the stream; the router has not decided on it yet."""

    event_id: str
    status_url: str


_SUMMARIES: Final[dict[Verb, str]] = {
    "accept": "Accept a lead: the owner's clock stops",
    "reject": "Reject a lead: what becomes of it depends on the reason",
    "reassign": "Give a lead to another rep or queue",
    "snooze": "Extend the owner's clock until a time",
    "handoff": "Pass a lead on, or have a rep join its owner, with notes of what was learnt",
}
_DESCRIPTION: Final = (
    "Waits up to 2 s for the recorded result; 202 when there is none yet. A rep's key acts as its own rep, "
    "on leads that the rep owns; a manager may act on any lead, and name a rep to act as. The event records "
    "who acted: the name of the key, and the rep. 422 names each fault of the body: a rep or queue that the "
    "policy does not have, a reason that it does not name, a note that it demands before a hand-off "
    "(`/notes/budget`), or before a rep reassigns a lead to another queue. 409 says in words why the action "
    "does not fit, and shows the lead as it is."
)


def action_endpoint(verb: Verb) -> Callable[..., Awaitable[Response]]:
    """Return the endpoint function of one action."""

    async def act_on_lead(
        id: LeadId,  # noqa: A002 - the name in the path
        principal: Seller,
        arrival: RequestArrival,
        gateway: Gateway,
        body: ActionBody | None = None,
    ) -> Response:
        body = body or ActionBody()
        rep, policy = acting_rep(principal, body.rep), (await gateway.policies.start()).policy
        async with gateway.database.read() as tx:
            lead_id = await surviving_lead(tx, id)
            view, state = await find_lead_view(tx, lead_id), await find_lead_state(tx, lead_id)
        if view is None:
            raise not_yet_known()
        details = body.model_dump(exclude={"rep"})
        actor = actor_of(principal, rep)
        action = ActionReceivedV1(lead_id=lead_id, type=verb, rep=rep, actor=actor, **details)
        # The lead may be merged, and the key renamed, before the request is repeated.
        content = structs.replace(action, lead_id="", actor=None)
        received = received_event(
            ACTION_RECEIVED,
            action,
            arrival,
            subject=lead_id,
            key=view["account"] or lead_id,
            content=content,
        )
        if not await _is_repeated(gateway, received):
            now = gateway.clock.now()
            check_action(action, now, policy)
            if not principal.may("manager") and not may_act(state, action):
                refusal = owned_since(state.owned) if state.owned else why_refused(policy, state, action, now)
                refusal = refusal or "The lead is not this rep's"
                if any(assignment.rep == rep for assignment in state.assignments):
                    return _unchanged(view, refusal)
                raise forbidden(refusal)
            if verb == "handoff" or (verb == "reassign" and not principal.may("manager")):
                check_known_first(policy, state, action)
        event = await publish_received(gateway, received)
        return await _await_decision(gateway, event.id, action)

    return act_on_lead


async def _is_repeated(gateway: GatewayState, received: Received[ActionReceivedV1]) -> bool:
    """Return whether the same request was accepted before; the state of its lead may have changed since."""
    if received.record is None:
        return False
    async with gateway.database.read() as tx:
        stored = await find_record(tx, received.record)
    return stored is not None and stored.body_hash == received.record.body_hash


async def _await_decision(gateway: GatewayState, event_id: str, action: ActionReceivedV1) -> Response:
    """Return the lead once its view shows what the router decided, or 202 after `WAIT_S`."""
    lead_id = action.lead_id
    for delay_s in poll_delays():
        async with gateway.database.read() as tx:
            outcome = await find_router_outcome(tx, event_id, SOURCE)
            if outcome is not None:
                view, state = await find_lead_view(tx, lead_id), await find_lead_state(tx, lead_id)
                if view is None:
                    raise not_yet_known()
                if outcome != Outcome.APPLIED:
                    policy = (await gateway.policies.start()).policy
                    refusal = why_refused(policy, state, action, gateway.clock.now())
                    return _unchanged(view, refusal or nobody_may(policy, state, action))
                if view["sequence"] >= (state.lead.sequence if state.lead else 0):
                    return json_response(view)
        await asyncio.sleep(delay_s)
    return json_response({"event_id": event_id, "status_url": f"/v1/leads/{lead_id}"}, 202)


def _unchanged(view: dict[str, Any], detail: str) -> Response:
    """Return the problem of an action that does not fit the lead, with the lead as it is."""
    return extended_problem_response(
        {
            "type": TYPE_PREFIX + "lead-unchanged",
            "title": "The action does not fit the state of the lead",
            "status": 409,
            "detail": detail,
            "lead": view,
        }
    )


for _verb, _summary in _SUMMARIES.items():
    router.add_api_route(
        f"/{{id}}/{_verb}",
        action_endpoint(_verb),
        methods=["POST"],
        summary=_summary,
        description=_DESCRIPTION,
        response_model=LeadView,
        responses={
            202: {"model": PendingAction},
            **problem_responses(404),
            409: extended_problem_doc(
                "The action does not fit the lead", lead={"$ref": "#/components/schemas/LeadView"}
            ),
        },
    )

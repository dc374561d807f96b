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
from services.gateway.domain.actions import ACTION_RECEIVED, Verb, acting_rep, check_action, forbidden
from services.gateway.domain.arrival import SOURCE
from services.gateway.domain.received import Received, received_event
from services.gateway.polling import poll_delays
from services.gateway.publish_once import publish_received
from services.gateway.queries.idempotency import find_record
from services.gateway.queries.lead_view import find_lead_view, surviving_lead
from services.gateway.queries.ownership import find_ownership, find_router_outcome
from services.gateway.responses import extended_problem_doc, extended_problem_response, json_response
from services.gateway.state import GatewayState
from shared.lead.events.action_received import ActionReceivedV1
from shared.web.problem import TYPE_PREFIX
from shared.worker.decision import Outcome

router = APIRouter(prefix="/v1/leads", tags=["Lead actions"], route_class=ApiRoute)

Word = Annotated[str, Field(max_length=200)]
NoteValue = str | int | float | bool | None
Note = NoteValue | list[NoteValue]


class ActionBody(RequestBody):
    """Parameters of an action. `rep` is the id of the rep who acts; a rep's key may leave it out.

    `to` is the rep or queue that gets the lead, `until` the end of a snooze, `notes` go with a handoff.
    """

    rep: Word | None = None
    reason: Annotated[str, Field(max_length=2_000)] | None = None
    to: Word | None = None
    until: Time | None = None
    notes: Annotated[dict[Word, Note | dict[str, Note]], Field(max_length=100)] = Field(default_factory=dict)


class PendingAction(ApiModel):
    """The action is durably in the stream; the router has not decided on it yet."""

    event_id: str
    status_url: str


_SUMMARIES: Final[dict[Verb, str]] = {
    "accept": "Accept a lead: the owner's clock stops",
    "reject": "Give a lead back: another rep gets it",
    "reassign": "Give a lead to another rep or queue",
    "snooze": "Extend the owner's clock until a time",
    "handoff": "Pass a lead on, with notes for the next owner",
}
_DESCRIPTION: Final = (
    "Waits up to 2 s for the recorded result; 202 when there is none yet. A rep's key acts as its own rep, "
    "on leads that the rep owns; a manager may act on any lead, and name a rep to act as."
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
        rep = acting_rep(principal, body.rep)
        async with gateway.database.read() as tx:
            lead_id = await surviving_lead(tx, id)
            view, ownership = await find_lead_view(tx, lead_id), await find_ownership(tx, lead_id)
        if view is None:
            raise not_yet_known()
        details = body.model_dump(exclude={"rep"})
        action = ActionReceivedV1(lead_id=lead_id, type=verb, rep=rep, **details)
        received = received_event(
            ACTION_RECEIVED,
            action,
            arrival,
            subject=lead_id,
            key=view["account"] or lead_id,
            content=structs.replace(
                action, lead_id=""
            ),  # the lead may be merged before the request is repeated
        )
        if not await _is_repeated(gateway, received):
            check_action(action, gateway.clock.now())
            # A listed lead has no owner, and any rep of its queue may take it.
            is_listed = ownership.owner is None and (view["decision"] or {}).get("change") == "listed"
            may_take = verb == "accept" and is_listed
            if not principal.may("manager") and ownership.owner != rep and not may_take:
                if rep in ownership.owners:
                    return _unchanged(view, "The lead has gone to somebody else")
                raise forbidden("The lead is not this rep's")
        event = await publish_received(gateway, received)
        return await _await_decision(gateway, event.id, lead_id)

    return act_on_lead


async def _is_repeated(gateway: GatewayState, received: Received[ActionReceivedV1]) -> bool:
    """Return whether the same request was accepted before; the state of its lead may have changed since."""
    if received.record is None:
        return False
    async with gateway.database.read() as tx:
        stored = await find_record(tx, received.record)
    return stored is not None and stored.body_hash == received.record.body_hash


async def _await_decision(gateway: GatewayState, event_id: str, lead_id: str) -> Response:
    """Return the lead once its view shows what the router decided, or 202 after `WAIT_S`."""
    for delay_s in poll_delays():
        async with gateway.database.read() as tx:
            outcome = await find_router_outcome(tx, event_id, SOURCE)
            if outcome is not None:
                view = await find_lead_view(tx, lead_id)
                if view is None:
                    raise not_yet_known()
                if outcome != Outcome.APPLIED:
                    return _unchanged(view, f"The router left the lead as it is: {outcome}")
                if view["sequence"] >= (await find_ownership(tx, lead_id)).sequence:
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

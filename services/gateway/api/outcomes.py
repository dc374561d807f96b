"""`/v1/outcomes`: the outcome of a lead, from accepted to won or lost."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Request
from msgspec import structs

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, RequestArrival, Seller
from services.gateway.domain.actions import acting_rep, actor_of, check_reason, forbidden, rep_faults
from services.gateway.domain.arrival import invalid
from services.gateway.domain.outcomes import OUTCOME_RECEIVED, lead_of_outcome
from services.gateway.domain.received import received_event
from services.gateway.domain.trust import refuse_reserved_fields
from services.gateway.publish_once import publish_received
from services.gateway.queries.lead_view import surviving_lead
from services.gateway.queries.ownership import find_ownership, was_in_team
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.identity import account_key
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1/outcomes", tags=["Lead actions"], route_class=ApiRoute)


class AcceptedOutcome(ApiModel):
    """The outcome is durably in the stream."""

    event_id: str


@router.post(
    "",
    status_code=202,
    summary="Record the outcome of a lead; a rep's key may do so for its own leads only",
    description="A rejection does what the policy says of its reason; a reason that the policy does not name "
    "is 422, and so is a `rep` who neither is in the team nor ever was. The event records who acted: the "
    "name of the key, and the rep.",
)
async def post_outcome(
    request: Request,
    body: Annotated[OutcomeReceivedV1, MsgspecType(), Body()],
    principal: Seller,
    arrival: RequestArrival,
    gateway: Gateway,
) -> AcceptedOutcome:
    refuse_reserved_fields(body)
    lead_id = lead_of_outcome(body)
    policy = (await gateway.policies.start()).policy
    if body.type == "rejected":
        check_reason(policy.routing, body.reason)
    rep = acting_rep(principal, body.rep)
    async with gateway.database.read() as tx:
        faults = tuple(rep_faults(policy, "/rep", rep)) if rep is not None else ()
        # A rep who has left the team may have won the lead before.
        if rep is not None and faults and not (rep.isprintable() and await was_in_team(tx, rep)):
            raise invalid(faults)
        lead_id = await surviving_lead(tx, lead_id)
        ownership = await find_ownership(tx, lead_id)
    if not principal.may("manager") and ownership.owner != rep:
        raise forbidden("The lead is not this rep's")
    # The key may be renamed before the request is repeated.
    content = structs.replace(body, rep=rep)
    actor = actor_of(principal, rep)
    outcome = received_event(
        OUTCOME_RECEIVED,
        structs.replace(content, actor=actor),
        arrival,
        subject=lead_id,
        key=account_key(None, body.email, lead_id),
        content=content,
        name=("external_id", body.external_id) if body.external_id else (),
        # As it came, with who acted.
        raw=msgspec.json.encode({**await request.json(), **({"rep": rep} if rep else {}), "actor": actor}),
    )
    event = await publish_received(gateway, outcome)
    return AcceptedOutcome(event_id=event.id)

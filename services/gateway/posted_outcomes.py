"""Outcomes that a client posts: checked against its key, the team and the leads, and made into events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from services.gateway.batch import validate_items
from services.gateway.domain.access import Principal
from services.gateway.domain.actions import acting_rep, actor_of, check_reason, forbidden, rep_faults
from services.gateway.domain.arrival import Arrival, invalid
from services.gateway.domain.outcomes import OUTCOME_RECEIVED, lead_of_outcome
from services.gateway.domain.received import Received, received_event
from services.gateway.domain.trust import refuse_reserved_fields
from services.gateway.queries.lead_view import surviving_leads
from services.gateway.queries.ownership import find_former_reps, find_owners
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.identity import account_key
from shared.policy.models import Policy


class PostedOutcome(Struct, frozen=True):
    """An outcome that a client posted: decoded, as it was `given`, and in the name of which rep.

    `lead_id` may be an alias. `must_be_former`: the team does not have the rep, who has to be a former one.
    """

    body: OutcomeReceivedV1
    given: Mapping[str, Any]
    lead_id: str
    rep: str | None
    must_be_former: bool


def read_outcome(
    body: OutcomeReceivedV1, given: Mapping[str, Any], principal: Principal, policy: Policy
) -> PostedOutcome:
    """Return an outcome that its client may post, as far as no query is needed. Raises `Reject`."""
    refuse_reserved_fields(body)
    lead_id = lead_of_outcome(body)
    if body.type == "rejected":
        check_reason(policy.routing, body.reason)
    rep = acting_rep(principal, body.rep)
    faults = tuple(rep_faults(policy, "/rep", rep)) if rep is not None else ()
    # A rep who has left the team may have won the lead before.
    if rep is not None and faults and not rep.isprintable():
        raise invalid(faults)
    return PostedOutcome(body, given, lead_id, rep, bool(faults))


async def outcome_events(
    gateway: GatewayState, principal: Principal, posted: Sequence[PostedOutcome | Reject], arrival: Arrival
) -> list[Received[OutcomeReceivedV1] | Reject]:
    """Return the event of each outcome, or why it is refused: the rep is unknown, the lead another rep's."""
    readable = [one for one in posted if isinstance(one, PostedOutcome)]
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        survivors = await surviving_leads(tx, {one.lead_id for one in readable})
        former = await find_former_reps(tx, {one.rep for one in readable if one.rep and one.must_be_former})
        leads = {survivors.get(one.lead_id, one.lead_id) for one in readable}
        owners = {} if principal.may("manager") else await find_owners(tx, leads)

    def received(one: PostedOutcome | Reject, index: int) -> Received[OutcomeReceivedV1]:
        if isinstance(one, Reject):
            raise one
        if one.rep is not None and one.must_be_former and one.rep not in former:
            raise invalid(tuple(rep_faults(policy, "/rep", one.rep)))
        lead_id = survivors.get(one.lead_id, one.lead_id)
        if not principal.may("manager") and owners.get(lead_id) != one.rep:
            raise forbidden("The lead is not this rep's")
        # The key may be renamed before the request is repeated.
        content = structs.replace(one.body, rep=one.rep)
        actor = actor_of(principal, one.rep)
        by = {"rep": one.rep} if one.rep else {}
        return received_event(
            OUTCOME_RECEIVED,
            structs.replace(content, actor=actor),
            structs.replace(arrival, index=index),
            subject=lead_id,
            key=account_key(None, one.body.email, lead_id),
            content=content,
            name=("external_id", one.body.external_id) if one.body.external_id else (),
            # As it came, with who acted.
            raw=msgspec.json.encode({**one.given, **by, "actor": actor}),
        )

    return validate_items(posted, received)

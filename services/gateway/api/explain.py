"""`/v1/leads/{id}/explain`: why a lead is where it is."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Security

from services.gateway.api.lead_id import LeadId, is_storable, not_yet_known
from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.explain import Explanation, explain
from services.gateway.queries.decisions import find_decision
from services.gateway.queries.lead_view import surviving_lead
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import PolicyInvalid, load
from shared.policy.versions import active, stored
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/leads",
    tags=["Leads"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)

_ID_LENGTH_MAX: Final = 500
LeadExplanation = Annotated[Explanation, MsgspecType()]


@router.get(
    "/{id}/explain",
    summary="Explain a lead: score lines, rules and reps passed over, the source of each field",
    responses=problem_responses(404),
)
async def explain_lead(
    id: LeadId,  # noqa: A002 - in the path
    gateway: Gateway,
    decision: Annotated[
        str | None,
        Query(
            description="Which decision: the id or the sequence of a router's event in the lead's timeline. "
            "Without it, the latest routing",
            max_length=_ID_LENGTH_MAX,
        ),
    ] = None,
) -> LeadExplanation:
    if decision is not None and not is_storable(decision):
        raise _no_such_decision()
    async with gateway.database.read() as tx:
        record = await find_decision(tx, await surviving_lead(tx, id), decision)
    if record is None:
        raise not_yet_known()
    if decision is not None and record.routed is None:
        raise _no_such_decision()
    routed_version = record.routed_version
    scored_version = record.scored.policy_version if record.scored else routed_version
    routed_by = await _find_policy(gateway, routed_version)
    scored_by = routed_by
    if scored_version != routed_version or routed_by is None:
        scored_by = await _find_policy(gateway, scored_version)
    return explain(record, routed_by, scored_by)


def _no_such_decision() -> Reject:
    return Reject(404, "no-such-decision", "This lead has no decision of this id or sequence")


async def _find_policy(gateway: GatewayState, version: str | None) -> CompiledPolicy | None:
    """Return a policy version; None when it is not stored, or this release of Baton cannot read it."""
    if version is None:
        return None
    async with gateway.database.read() as tx:
        current, found = await active(tx), await stored(tx, version)
    if found is None:
        return None
    if current is not None and current.version == version:
        return await gateway.policies.start()
    try:
        return await asyncio.to_thread(lambda: compiled(load(found.files)))
    except PolicyInvalid:
        return None

"""`/v1/leads/{id}/explain`: why a lead is where it is."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Security

from services.gateway.api.lead_id import LeadId, not_yet_known
from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.explain import Explanation, explain
from services.gateway.queries.decisions import find_decision
from services.gateway.queries.lead_view import surviving_lead
from services.gateway.state import GatewayState
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

LeadExplanation = Annotated[Explanation, MsgspecType()]


@router.get(
    "/{id}/explain",
    summary="Explain a lead: score lines, rules and reps passed over, the source of each field",
    responses=problem_responses(404),
)
async def explain_lead(id: LeadId, gateway: Gateway) -> LeadExplanation:  # noqa: A002 - in the path
    async with gateway.database.read() as tx:
        record = await find_decision(tx, await surviving_lead(tx, id))
    if record is None:
        raise not_yet_known()
    routed_version = record.routed.policy_versions.routed if record.routed else None
    scored_version = record.scored.policy_version if record.scored else routed_version
    routed_by = await _find_policy(gateway, routed_version)
    scored_by = routed_by
    if scored_version != routed_version or routed_by is None:
        scored_by = await _find_policy(gateway, scored_version)
    return explain(record, routed_by, scored_by)


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

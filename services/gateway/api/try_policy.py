"""`POST /v1/policies/try`: what a policy decides on a made-up lead."""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import Field

from services.enricher.domain.enriched_event import enriched_alone
from services.gateway.api.policy_problems import policy_problems
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Gateway, Manager, RequestArrival
from services.gateway.domain.arrival import Arrival
from services.gateway.domain.explain import Explanation, explain
from services.gateway.domain.leads import receive_lead
from services.gateway.domain.made_up_lead import decide_made_up
from services.gateway.policy_versions import ACTIVE, load_version, read_files
from services.gateway.queries.present_rows import rows_for_new_lead
from services.gateway.state import GatewayState
from shared.errors import DataError, Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.routing import Brief
from shared.policy.compiled import compiled
from shared.policy.models import FILES, Policy
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1/policies", tags=["Policies"], route_class=ApiRoute)

_encode = msgspec.json.Encoder().encode


class TriedLead(RequestBody):
    """A made-up lead, as `POST /v1/leads` takes it; and the policy, by its files or by its version.

    Without either it is the one in force; the version `draft` is the draft of this key.
    """

    lead: Annotated[LeadReceivedV1, MsgspecType()]
    files: Annotated[dict[str, str], Field(max_length=len(FILES))] | None = None
    version: Annotated[str, Field(max_length=64)] | None = None


class TriedDecision(ApiModel):
    """The decision, explained as for any lead. `brief` is what the owner would read, null for nobody."""

    explanation: Annotated[Explanation, MsgspecType()]
    brief: Annotated[Brief, MsgspecType()] | None


@router.post(
    "/try",
    summary="Decide one made-up lead, and store nothing",
    description="No provider is asked: the lead has what it says of itself. Its account, its owners and the "
    "state of the team are the present ones.",
    responses={**problem_responses(404, 409), **policy_problems()},
)
async def try_policy(
    body: TriedLead, principal: Manager, gateway: Gateway, arrival: RequestArrival
) -> TriedDecision:
    if body.files is not None:
        policy, _findings = await read_files(gateway, body.files)
    else:
        _version, policy, _files = await load_version(gateway, principal, body.version or ACTIVE)
    return await tried_decision(gateway, policy, body.lead, arrival)


async def tried_decision(
    gateway: GatewayState, policy: Policy, lead: LeadReceivedV1, arrival: Arrival
) -> TriedDecision:
    """Return what a policy decides on a made-up lead. Raises `Reject` (422)."""
    receive_lead(lead, _encode(lead), arrival)  # what is wrong with it is said as for any lead
    now, hosts = gateway.clock.now(), policy.accounts.shared
    try:
        enriched = enriched_alone(lead, hosts, now)
        async with gateway.database.read() as tx:
            rows = await rows_for_new_lead(tx, enriched)
        candidate = await asyncio.to_thread(compiled, policy)
        record = decide_made_up(enriched, rows, candidate, now)
    except DataError as error:
        raise Reject(422, "invalid", "Nothing can be decided on this lead", str(error)) from error
    explanation = await asyncio.to_thread(explain, record, candidate, candidate)
    return TriedDecision(explanation=explanation, brief=getattr(record.routed, "brief", None))

"""`/v1/leads/{id}/curve`: how the score of a lead went and will go."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Security

from services.gateway.api.lead_id import LeadId, not_yet_known
from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, caller
from services.gateway.queries.lead_view import surviving_lead
from services.gateway.queries.scored_leads import find_scored
from services.gateway.state import GatewayState
from services.scorer.domain.curve import ScoreCurve, score_curve
from services.scorer.policy import scoring_policy
from shared.storage.database import Tx
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/leads",
    tags=["Leads"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


@router.get(
    "/{id}/curve",
    summary="Return the score of a lead over time, if nothing else happens",
    description="From 10 days ago to 45 days ahead, at 110 instants, one of which is now, with the least "
    "intent of each grade and the instants at which the grade changes. The scorer itself computes it, by "
    "the policy in force.",
    responses=problem_responses(404),
)
async def get_curve(id: LeadId, gateway: Gateway) -> Annotated[ScoreCurve, MsgspecType()]:  # noqa: A002 - in the path
    async with gateway.database.read() as tx:
        curve = await read_curve(tx, gateway, await surviving_lead(tx, id))
    if curve is None:
        raise not_yet_known()
    return curve


async def read_curve(tx: Tx, gateway: GatewayState, lead_id: str) -> ScoreCurve | None:
    """Return the curve of a lead that is no alias; None for one that is not scored."""
    policy = scoring_policy(await gateway.policies.start())
    subject = await find_scored(tx, lead_id, policy)
    if subject is None:
        return None
    return await asyncio.to_thread(score_curve, subject, gateway.clock.now(), policy)

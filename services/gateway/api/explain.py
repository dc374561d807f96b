"""`/v1/leads/{id}/explain`: why a lead is where it is."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Security

from services.gateway.api.lead_id import LeadId, is_storable, not_yet_known
from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.explain import Explanation
from services.gateway.explanations import find_explanation
from shared.errors import Reject
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
    found = await find_explanation(gateway, id, decision)
    if found is None:
        raise not_yet_known()
    if decision is not None and found.decision is None:
        raise _no_such_decision()
    return found


def _no_such_decision() -> Reject:
    return Reject(404, "no-such-decision", "This lead has no decision of this id or sequence")

"""`POST /v1/leads` and `POST /v1/signals` as FastAPI documents them. `intake.lane` answers them."""

from typing import Annotated

from fastapi import APIRouter, Body
from msgspec import Meta

from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import IdempotencyKey, Intake
from services.gateway.intake.leads import LeadAnswer
from services.gateway.intake.signals import SignalAnswer
from services.gateway.request_body import ITEMS_MAX
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.web.event_schema import MsgspecType

_ListType = MsgspecType(Meta(min_length=1, max_length=ITEMS_MAX))
OneLead = Annotated[LeadReceivedV1, MsgspecType()]
LeadList = Annotated[list[LeadReceivedV1], _ListType]
OneSignal = Annotated[SignalReceivedV1, MsgspecType()]
SignalList = Annotated[list[SignalReceivedV1], _ListType]

router = APIRouter(tags=["Intake"], route_class=ApiRoute, responses=problem_responses(422))


@router.post("/v1/leads", status_code=202, summary=f"Take a lead, or a list of up to {ITEMS_MAX}")
async def post_leads(
    body: Annotated[OneLead | LeadList, Body()], caller: Intake, idempotency_key: IdempotencyKey = None
) -> LeadAnswer:
    """Of a list each item is accepted or rejected by itself; the answer is 422 when none is accepted."""
    raise NotImplementedError  # the lane answers


@router.post(
    "/v1/signals",
    status_code=202,
    summary=f"Take a buying signal or a later activity, or a list of up to {ITEMS_MAX}",
)
async def post_signals(
    body: Annotated[OneSignal | SignalList, Body()], caller: Intake, idempotency_key: IdempotencyKey = None
) -> SignalAnswer:
    """Of a list each item is accepted or rejected by itself; the answer is 422 when none is accepted."""
    raise NotImplementedError  # the lane answers

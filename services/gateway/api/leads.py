"""`/v1/leads`: the list of leads, the view of one, and its timeline."""

from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Query, Response, Security
from pydantic import AfterValidator

from services.gateway.api.lead_id import LeadId, is_storable, not_yet_known
from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, Page, Paging, caller
from services.gateway.domain.email_query import with_plus_signs
from services.gateway.domain.leads import Status
from services.gateway.queries.lead_view import find_lead_view, surviving_lead
from services.gateway.queries.leads import LeadFilter, list_leads
from services.gateway.queries.ownership import JoinedRep
from services.gateway.queries.timeline import list_timeline
from services.gateway.responses import json_response
from services.ledger.domain.instants import LeadInstants
from shared.errors import Reject
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Company, Person, Provenance, TriggerKind
from shared.lead.events.routing import Brief, Motion
from shared.lead.events.scoring import Score
from shared.lead.identity import account_key, identify
from shared.storage.keyset import Cursor
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/leads",
    tags=["Leads"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


class LeadSummary(ApiModel):
    """A lead in a list. `first_at` is when its first event was recorded.

    `motion` is null before the lead is routed and once it is suppressed; nurture leads have no owner but one
    of their own.
    """

    lead_id: str
    status: Status
    revision: int
    account: str
    email: str | None
    queue: str | None
    motion: Motion | None
    owner: str | None
    first_at: datetime


class LeadSla(ApiModel):
    """The time limit for the owner to accept the lead: accepting ends it, a snooze extends it."""

    accept_by: datetime | None
    accepted_at: datetime | None


class LeadTrigger(ApiModel):
    """The last news of the buyer that led to a decision, never a decay or a late answer of a provider."""

    kind: TriggerKind
    event_id: str | None
    type: str | None


class LeadView(ApiModel):
    """The state of a lead, from the latest event of each stage. A stage that is not reached yet is null.

    `owner` is null for a lead that waits, is nurtured or has ended; `status` then says how it ended.
    """

    lead_id: str
    status: Status
    revision: int
    sequence: int
    account: str | None
    person: Annotated[Person, MsgspecType()] | None
    company: Annotated[Company, MsgspecType()] | None
    provenance: Annotated[Provenance, MsgspecType()] | None
    score: Annotated[Score, MsgspecType()] | None
    decision: dict[str, Any] | None
    owner: str | None
    joined: list[Annotated[JoinedRep, MsgspecType()]]
    sla: LeadSla | None
    clock: Annotated[LeadInstants, MsgspecType()]
    brief: Annotated[Brief, MsgspecType()] | None
    trigger: LeadTrigger
    enrichment: Annotated[Enrichment, MsgspecType()] | None
    policy_versions: dict[str, str | None] | None
    outcomes: list[Annotated[OutcomeReceivedV1, MsgspecType()]]


class TimelineEntry(ApiModel):
    """One event. `says` is a line for people; `outcome` is left out until a role has processed the event."""

    id: str
    type: str
    at: datetime
    source: str
    outcome: str = "applied"
    says: str
    data: dict[str, Any]


class Timeline(ApiModel):
    """Every event of a lead and the events that caused them, in order."""

    data: list[TimelineEntry]


async def lead_filter(
    *,
    email: Annotated[
        str | None,
        AfterValidator(with_plus_signs),
        Query(description="Only the lead of this e-mail address; a blank is a plus"),
    ] = None,
    account: Annotated[
        str | None, Query(description="Only leads of this account: its key, domain or alias")
    ] = None,
    queue: Annotated[str | None, Query(description="Only leads in this queue")] = None,
    owner: Annotated[str | None, Query(description="Only leads of this rep")] = None,
    status: Annotated[
        str | None,
        Query(description="Only leads in this state", json_schema_extra={"enum": [*get_args(Status)]}),
    ] = None,
    motion: Annotated[
        Motion | None, Query(description="Only leads that are worked, or only those that are nurtured")
    ] = None,
) -> LeadFilter:
    """Return the filter of a list of leads. Raises `Reject` (422).

    An e-mail address is looked up as the lead that it identifies, so that tags, dots and merges make no
    difference.
    """
    if not all(is_storable(value) for value in (email, account, queue, owner, status) if value is not None):
        raise Reject(422, "invalid-filter", "A filter holds a control character")
    if status is not None and status not in get_args(Status):
        raise Reject(422, "invalid-filter", "There is no such status", ", ".join(get_args(Status)))
    identity = identify(email) if email is not None else None
    return LeadFilter(
        lead_id=identity.lead_id if identity else None,
        email=None if identity else email,
        account=account and (account_key(account, None, "") or account),
        queue=queue,
        owner=owner,
        status=status,
        motion=motion,
    )


@router.get(
    "",
    summary="List leads, the newest first",
    description="A lead is listed once it was enriched; before that it is found by its id alone.",
)
async def get_leads(
    gateway: Gateway, filters: Annotated[LeadFilter, Depends(lead_filter)], paging: Paging
) -> Page[LeadSummary]:
    async with gateway.database.read() as tx:
        rows = await list_leads(tx, filters, paging.after, paging.limit + 1)
    cursors = [Cursor(row["first_at"], row["lead_id"]) for row in rows]
    return paging.page([LeadSummary.model_validate(dict(row)) for row in rows], cursors)


@router.get(
    "/{id}",
    summary="Return the state of a lead, by its id or an alias",
    response_model=LeadView,
    responses=problem_responses(404),
)
async def get_lead(id: LeadId, gateway: Gateway) -> Response:  # noqa: A002 - the name in the path
    async with gateway.database.read() as tx:
        view = await find_lead_view(tx, await surviving_lead(tx, id))
    if view is None:
        raise not_yet_known()
    return json_response(view)


@router.get(
    "/{id}/timeline",
    summary="Return everything that happened to a lead",
    response_model=Timeline,
    responses=problem_responses(404),
)
async def get_timeline(id: LeadId, gateway: Gateway) -> Response:  # noqa: A002 - the name in the path
    async with gateway.database.read() as tx:
        entries = await list_timeline(tx, await surviving_lead(tx, id))
    if not entries:
        raise not_yet_known()
    return json_response({"data": entries})

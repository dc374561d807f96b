"""`/v1/leads`: the list of leads, the view of one, and its timeline."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from fastapi import APIRouter, Depends, Query, Response, Security
from pydantic import AfterValidator
from sqlalchemy import RowMapping

from services.gateway.api.lead_id import LeadId, not_yet_known, require_storable_filters
from services.gateway.api_route import ApiModel, ApiRoute, Time, problem_responses
from services.gateway.dependencies import Gateway, Page, Paging, caller
from services.gateway.domain.csv_text import csv_text
from services.gateway.domain.email_query import with_plus_signs
from services.gateway.domain.leads import Status
from services.gateway.queries.lead_view import find_lead_view, surviving_lead
from services.gateway.queries.leads import LeadFilter, Reached, ReachedName, list_leads
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

CSV_ROWS_MAX: Final = 10_000
CSV_COLUMNS: Final = (
    "lead_id", "first_at", "status", "grade", "band", "total", "name", "title", "company", "account", "email",
    "queue", "motion", "owner", "rule", "reason", "source", "trigger", "quote",
)  # fmt: skip

csv_router = APIRouter(tags=["Leads"], route_class=ApiRoute, dependencies=[Security(caller, scopes=["read"])])
router = APIRouter(
    prefix="/v1/leads",
    tags=["Leads"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


class LeadSummary(ApiModel):
    """A lead in a list. `first_at` is when its first event was recorded.

    `motion` is null before the lead is routed and once it is suppressed; nurture leads have no owner but one
    of their own. `rule` is that of the latest decision, or else `reason` says why it is suppressed. `total`
    is the score. `trigger` is the type of the buyer's last news, `quote` the beginning of the newest message.
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
    name: str | None
    title: str | None
    company: str | None
    source: str | None
    rule: str | None
    reason: str | None
    grade: str | None
    band: str | None
    total: int | None
    trigger: str | None
    quote: str | None


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


async def period(
    since: Annotated[
        Time | None, Query(description="Only leads that were first heard of at this time or later")
    ] = None,
    until: Annotated[
        Time | None, Query(description="Only leads that were first heard of before this time")
    ] = None,
) -> tuple[datetime | None, datetime | None]:
    """Return the period of a list of leads; None: it has no beginning, or no end."""
    return since, until


async def reached_filter(
    reached: Annotated[
        ReachedName | None,
        Query(description="Only leads that have come so far, as the summary of a period counts them"),
    ] = None,
    reached_since: Annotated[
        Time | None,
        Query(description="In this hour or later; `received`, `routed` and `suppressed`: received then"),
    ] = None,
    reached_until: Annotated[Time | None, Query(description="Before this time")] = None,
    *,
    cohort: Annotated[
        bool, Query(description="The two times are about when the lead was received, whatever it has reached")
    ] = False,
    first_grade: Annotated[
        str | None, Query(description="Only leads that reports count under this grade; `none`: without one")
    ] = None,
    reached_in: Annotated[
        str | None, Query(description="Only leads that were in this queue then; `none`: in none")
    ] = None,
    given_back_as: Annotated[
        str | None, Query(description="Only leads that were given back for this reason")
    ] = None,
) -> Reached | None:
    """Return what leads must have reached, None for anything. Raises `Reject` (422)."""
    others = (reached_since, reached_until, first_grade, reached_in, given_back_as)
    if reached is None:
        if cohort or any(value is not None for value in others):
            raise Reject(
                422, "invalid-filter", "This filter needs `reached`", ", ".join(get_args(ReachedName))
            )
        return None
    require_storable_filters(first_grade, reached_in, given_back_as)
    return Reached(reached, reached_since, reached_until, cohort, first_grade, reached_in, given_back_as)


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
    rule: Annotated[
        str | None, Query(description="Only leads that this rule has led to where they are")
    ] = None,
    reason: Annotated[str | None, Query(description="Only leads that are suppressed for this reason")] = None,
    grade: Annotated[str | None, Query(description="Only leads of this grade, such as A1")] = None,
    band: Annotated[
        Literal["cold", "mql", "sql"] | None, Query(description="Only leads of this band")
    ] = None,
    source: Annotated[
        str | None, Query(description="Only leads whose latest form came from this source")
    ] = None,
    period: Annotated[tuple[datetime | None, datetime | None], Depends(period)],
    reached: Annotated[Reached | None, Depends(reached_filter)] = None,
) -> LeadFilter:
    """Return the filter of a list of leads. Raises `Reject` (422).

    An e-mail address is looked up as the lead that it identifies, so that tags, dots and merges make no
    difference.
    """
    require_storable_filters(email, account, queue, owner, status, rule, reason, grade, source)
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
        rule=rule,
        reason=reason,
        grade=grade,
        band=band,
        source=source,
        since=period[0],
        until=period[1],
        reached=reached,
    )


@csv_router.get(
    "/v1/leads.csv",
    summary=f"Return the list of leads as CSV, at most {CSV_ROWS_MAX}, the newest first",
    description="With the filters of the list. A cell that a spreadsheet would take for a formula begins "
    "with an apostrophe.",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def get_leads_csv(gateway: Gateway, filters: Annotated[LeadFilter, Depends(lead_filter)]) -> Response:
    async with gateway.database.read() as tx:
        rows = await list_leads(tx, filters, None, CSV_ROWS_MAX)
    return await leads_as_csv(rows)


async def leads_as_csv(rows: Sequence[RowMapping]) -> Response:
    """Return rows of the list of leads as a CSV file."""
    table = ([row[name] for name in CSV_COLUMNS] for row in rows)
    text = await asyncio.to_thread(csv_text, CSV_COLUMNS, table)
    headers = {"content-disposition": 'attachment; filename="leads.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


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

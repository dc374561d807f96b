"""`/v1/queues`: the queues of the active policy, and the leads in them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Security
from sqlalchemy import RowMapping

from services.gateway.api.lead_id import require_storable_filters
from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import CompleteList, Gateway, Page, Paging, caller
from services.gateway.domain.leads import Status
from services.gateway.not_found import not_found
from services.gateway.queries.reps import (
    list_queue_leads,
    listed_by_queue,
    open_by_queue,
    unavailable_reps,
    waiting_by_queue,
)
from services.gateway.state import GatewayState
from shared.lead.events.routing import Motion
from shared.policy.models.routing import LadderEffect
from shared.storage.keyset import Cursor

router = APIRouter(
    prefix="/v1/queues",
    tags=["Team"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


class LadderStepView(ApiModel):
    """What happens to a lead of the queue that nobody has accepted `after` that time."""

    after: str
    do: LadderEffect
    to: str | None


class QueueView(ApiModel):
    """A queue. `accept_within` is the time to accept a lead; `waiting` leads have no eligible rep yet.

    `nurture` leads are kept warm and not worked: they have no owner, and any rep of the queue may take one.
    They are counted up to 1,000.
    """

    name: str
    accept_within: str
    ladder: list[LadderStepView]
    fallback: str | None
    reps: list[str]
    available_reps: list[str]
    open_leads: int
    waiting: int
    nurture: int


class QueueLead(ApiModel):
    """A lead in a queue. A lead without an `owner` has waited since `waiting_since`, or is nurtured.

    `notified_at` is when it was first delivered to whoever should work it. Until the owner accepts it, the
    next step of the queue's ladder, or its deadline, is due at `next_step_at`.
    """

    lead_id: str
    status: Status
    revision: int
    account: str
    email: str | None
    queue: str
    motion: Motion
    owner: str | None
    first_at: datetime
    name: str | None
    title: str | None
    company: str | None
    grade: str | None
    total: int | None
    assigned_at: datetime | None
    accept_by: datetime | None
    accepted_at: datetime | None
    waiting_since: datetime | None
    notified_at: datetime | None
    next_step_at: datetime | None


@router.get("", summary="List the queues")
async def get_queues(gateway: Gateway) -> CompleteList[QueueView]:
    return CompleteList(data=await _queues(gateway))


@router.get("/{q}", summary="Return a queue", responses=problem_responses(404))
async def get_queue(q: str, gateway: Gateway) -> QueueView:
    found = next((queue for queue in await _queues(gateway) if queue.name == q), None)
    if found is None:
        raise not_found("queue", "queue", q, "GET /v1/queues", key="name")
    return found


async def _queues(gateway: GatewayState) -> list[QueueView]:
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        unavailable, open_leads, waiting, listed = (
            await unavailable_reps(tx),
            await open_by_queue(tx),
            await waiting_by_queue(tx),
            await listed_by_queue(tx, policy.routing.queues),
        )
    views: list[QueueView] = []
    for name, queue in policy.routing.queues.items():
        reps = [rep.id for rep in policy.team.reps if name in rep.queues]
        views.append(
            QueueView(
                name=name,
                accept_within=str(queue.accept_within),
                ladder=[
                    LadderStepView(after=str(step.after), do=step.do, to=step.to) for step in queue.ladder
                ],
                fallback=queue.fallback,
                reps=reps,
                available_reps=[rep for rep in reps if rep not in unavailable],
                open_leads=open_leads.get(name, 0),
                waiting=waiting.get(name, 0),
                nurture=listed.get(name, 0),
            )
        )
    return views


@router.get(
    "/{q}/leads",
    summary="List the leads of a queue, the newest first",
    description=(
        "Those that are owned or wait in the queue, and those whose owner a rep of the queue joined. "
        "Nurture leads are listed apart, with `motion=nurture`."
    ),
    responses=problem_responses(404),
)
async def get_queue_leads(
    q: str,
    gateway: Gateway,
    paging: Paging,
    owner: Annotated[str | None, Query(description="Only leads that this rep owns or joined")] = None,
    motion: Annotated[
        Motion | None, Query(description="Only leads that are worked, or those that are nurtured")
    ] = None,
) -> Page[QueueLead]:
    require_storable_filters(owner)
    routing = (await gateway.policies.start()).policy.routing
    if q not in routing.queues:
        raise not_found("queue", "queue", q, "GET /v1/queues", key="name")
    async with gateway.database.read() as tx:
        rows = await list_queue_leads(
            tx,
            q,
            paging.after,
            paging.limit + 1,
            owner=owner,
            motion=motion,
            has_joined=q in routing.hand_off.joins,
        )
    cursors = [Cursor(row["first_at"], row["lead_id"]) for row in rows]
    return paging.page([_view(row) for row in rows], cursors)


def _view(row: RowMapping) -> QueueLead:
    person, company, score = row["person"], row["company"], row["score"]
    return QueueLead(
        lead_id=row["lead_id"],
        status=row["status"],
        revision=row["revision"],
        account=row["account"],
        email=row["email"],
        queue=row["queue"],
        motion=row["motion"],
        owner=row["rep"],
        first_at=row["first_at"],
        name=person.full_name if person else None,
        title=person.title if person else None,
        company=company.name if company else None,
        grade=score.grade if score else None,
        total=score.total if score else None,
        assigned_at=row["opened_at"],
        accept_by=row["accept_by"],
        accepted_at=row["accepted_at"],
        waiting_since=row["waiting_since"],
        notified_at=row["notified_at"],
        next_step_at=row["next_step_at"],
    )

"""`/v1/reports/fairness`: how far each rep is from the exact share of a queue, now."""

from typing import Annotated

from fastapi import APIRouter, Query, Security
from sqlalchemy import select

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, caller
from services.gateway.not_found import not_found
from services.router.domain.fairness import QueueFairness, fairness_of
from services.router.domain.state import QueueRow, RepQueueRow
from services.router.tables import rep_queues, router_queues
from shared.lead.events.routing import Distribution
from shared.policy.models import Policy

router = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)


class RepFairnessView(ApiModel):
    """What a rep got of a queue, beside the exact share. Leads are the unit.

    - `assigned`: the leads that the rep was given and that were not credited back, `out_of_turn` of them by
      name or as the account was the rep's.
    - `share`: the sum of weight / total weight over the leads that the rep could have had.
    - `deviation`: assigned - share.
    - `weight`: by the active policy, without its ramp; null for a rep who is not in the queue any more.
    """

    rep: str
    name: str | None
    weight: int | None
    assigned: int
    out_of_turn: int
    share: float
    deviation: float
    within_bound: bool


class QueueFairnessView(ApiModel):
    """A queue. Each rep's |assigned - share| is at most `bound`, unless `within_bound` is false.

    - `distribute`: by the active policy, which may no longer have the queue.
    - `bound`: 1 while the same reps with the same weights share all leads. Otherwise 1.5 for each rep but
      one, and 1 for each lead out of turn or credited back that the turns have not made up for.
    - `promises`: in words, what the distribution keeps besides.
    """

    queue: str
    distribute: Distribution | None
    promises: str | None
    bound: float
    within_bound: bool
    reps: list[RepFairnessView]


class FairnessReport(ApiModel):
    """How fair the queues are now. Shares count from the first lead that the router gave, not by days."""

    in_words: str
    queues: list[QueueFairnessView]


_PROMISES: dict[Distribution, str] = {
    "weighted": "nobody is more than 1 lead from the share while the same reps share all leads",
    "in_order": "nobody who stands before the owner in team.yaml could have had the lead",
    "least_open": "nobody who could have had the lead has fewer open leads, but for reps who got two of the"
    " latest leads",
    "most_capacity": "nobody who could have had the lead has more room under the limits, but for reps who got"
    " two of the latest leads",
}


@router.get(
    "/fairness",
    summary="Report how far each rep is from the share of a queue",
    responses=problem_responses(404),
)
async def get_fairness(
    gateway: Gateway,
    queue: Annotated[str | None, Query(description="Only this queue", max_length=200)] = None,
) -> FairnessReport:
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        rows = [RepQueueRow(*tuple(row)) for row in await tx.execute(select(rep_queues))]
        states = [QueueRow(*tuple(row)) for row in await tx.execute(select(router_queues))]
    found = {one.queue: one for one in fairness_of(rows, states)}
    for name in policy.routing.queues:
        found.setdefault(name, QueueFairness(name, 1.0, steady=True, reps=[]))
    if queue is not None and queue not in found:
        raise not_found("queue", "queue", queue, "GET /v1/queues", key="name")
    views = [_view(one, policy) for name, one in sorted(found.items()) if queue in (None, name)]
    return FairnessReport(in_words=_in_words(views), queues=views)


def _view(one: QueueFairness, policy: Policy) -> QueueFairnessView:
    team = {rep.id: rep for rep in policy.team.reps}
    settings = policy.routing.queues.get(one.queue)
    reps: list[RepFairnessView] = []
    for row in one.reps:
        rep = team.get(row.rep)
        is_member = rep is not None and one.queue in rep.queues
        if is_member or row.assigned or row.deviation:
            reps.append(
                RepFairnessView(
                    rep=row.rep,
                    name=rep.name if rep is not None else None,
                    weight=rep.weight if rep is not None and is_member else None,
                    assigned=row.assigned,
                    out_of_turn=row.out_of_turn,
                    share=round(row.share, 2),
                    deviation=round(row.deviation, 2),
                    within_bound=row.within_bound,
                )
            )
    return QueueFairnessView(
        queue=one.queue,
        distribute=settings.distribute if settings is not None else None,
        promises=_PROMISES[settings.distribute] if settings is not None else None,
        bound=one.bound,
        within_bound=one.within_bound,
        reps=reps,
    )


def _in_words(queues: list[QueueFairnessView]) -> str:
    over = [one.queue for one in queues if not one.within_bound]
    if over:
        return f"over the bound: {', '.join(over)}"
    furthest = max(
        ((abs(rep.deviation), rep.rep, one.queue) for one in queues for rep in one.reps), default=None
    )
    if furthest is None or not furthest[0]:
        return "everybody has exactly the share"
    leads, rep, queue = furthest
    return f"everybody is within the bound; furthest from the share is {rep} in {queue}, by {leads:g} leads"

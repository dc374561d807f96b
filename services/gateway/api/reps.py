"""`/v1/reps`: the reps of the active policy, with their availability and load."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Security
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import CompleteList, Gateway, Seller, caller
from services.gateway.domain.actions import forbidden
from services.gateway.queries.reps import RepAvailability, RepLoad, loads_by_rep, unavailable_reps
from shared.errors import Reject
from shared.policy.models import Policy, Rep
from shared.storage.rows import IdentityMap, Put

router = APIRouter(prefix="/v1/reps", tags=["Team"], route_class=ApiRoute)


class RepView(ApiModel):
    """A rep. `open_leads` is how many leads it owns or joined now.

    `credits` counts every assignment ever given, but for those that a rejection gave back (`credit_back` of
    the policy). `rejected` counts the leads that the rep rejected in the last 90 days, by reason; it is left
    out when there are none.
    """

    id: str
    name: str
    queues: tuple[str, ...]
    weight: int
    available: bool
    open_leads: int
    credits: int
    rejected: Annotated[dict[str, int], Field(default_factory=dict, exclude_if=lambda counts: not counts)]


class RepChange(RequestBody):
    """With `available: false` the rep gets no new leads until it is true again, and keeps those it has."""

    available: bool


@router.get("", summary="List the reps", dependencies=[Security(caller, scopes=["read"])])
async def get_reps(gateway: Gateway) -> CompleteList[RepView]:
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        unavailable, loads = await unavailable_reps(tx), await loads_by_rep(tx)
    return CompleteList(data=[_view(rep, unavailable, loads) for rep in policy.team.reps])


@router.get(
    "/{id}",
    summary="Return a rep",
    dependencies=[Security(caller, scopes=["read"])],
    responses=problem_responses(404),
)
async def get_rep(id: str, gateway: Gateway) -> RepView:  # noqa: A002 - the name in the path
    rep = _find_rep((await gateway.policies.start()).policy, id)
    async with gateway.database.read() as tx:
        return _view(rep, await unavailable_reps(tx), await loads_by_rep(tx))


@router.patch(
    "/{id}",
    summary="Set whether a rep gets new leads; a rep's key may do so for its own rep only",
    responses=problem_responses(404),
)
async def patch_rep(
    id: str,  # noqa: A002 - the name in the path
    body: RepChange,
    principal: Seller,
    gateway: Gateway,
) -> RepView:
    if principal.rep != id and not principal.may("manager"):
        raise forbidden("It speaks for another rep")
    rep = _find_rep((await gateway.policies.start()).policy, id)
    rows = IdentityMap()
    rows.apply((Put(RepAvailability(rep.id, body.available, gateway.clock.now())),))
    async with gateway.database.begin() as tx:
        await tx.write(rows)
        return _view(rep, await unavailable_reps(tx), await loads_by_rep(tx))


def _find_rep(policy: Policy, rep_id: str) -> Rep:
    for rep in policy.team.reps:
        if rep.id == rep_id:
            return rep
    raise Reject(404, "unknown-rep", "There is no such rep")


def _view(rep: Rep, unavailable: frozenset[str], loads: Mapping[str, RepLoad]) -> RepView:
    load = loads.get(rep.id, RepLoad())
    return RepView(
        id=rep.id,
        name=rep.name,
        queues=rep.queues,
        weight=rep.weight,
        available=rep.id not in unavailable,
        open_leads=load.open_leads,
        credits=load.credits,
        rejected=dict(load.rejected),
    )

"""`/v1/reps`: the reps of the active policy, with their availability and load."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Security
from pydantic import Field

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.audit import AuditTrail
from services.gateway.dependencies import Audit, CompleteList, Gateway, Seller, caller
from services.gateway.domain.actions import forbidden
from services.gateway.domain.team import QueueTurn, queue_teams
from services.gateway.not_found import not_found
from services.gateway.queries.present_rows import rows_of_rotation
from services.gateway.queries.reps import (
    RepAvailability,
    Unaccepted,
    rejections_by_rep,
    unaccepted_by_rep,
)
from services.gateway.state import GatewayState
from services.router.domain.eligibility import in_words
from services.router.domain.hours import WorkingHours
from services.router.domain.schedule import RepSchedule
from services.router.domain.state import AwayRepRow, RepQueueRow
from services.router.policy import routing_policy_of, working_hours_of
from shared.lead.events.routing import Considered
from shared.policy.models import Policy, Rep
from shared.storage.database import Tx
from shared.storage.rows import IdentityMap, Put, Row
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1/reps", tags=["Team"], route_class=ApiRoute)

Rejections = Mapping[str, Mapping[str, int]]
"""How many leads were rejected, by rep and reason."""


class DaysAway(ApiModel):
    """The first and the last day of an absence, by the clock of the rep's time zone."""

    begins: Annotated[date, Field(serialization_alias="from")]
    ends: Annotated[date, Field(serialization_alias="to")]


class NoNewLeads(ApiModel):
    """Why a rep gets no new leads now, in the words of `considered`, and until when; null if nobody can say.

    `unavailable`: switched off (`PATCH /v1/reps/{id}`), or away by the policy. `off_hours`: not at work.
    """

    skipped: Literal["unavailable", "off_hours"]
    detail: str
    until: datetime | None


class RepView(ApiModel):
    """A rep. `open_leads` is how many leads it owns or joined now.

    `weight` is that of the policy, and `weight_now` is what counts of it now where a ramp makes it less.
    `away` has the absences by the policy that are not over, and `no_new_leads` is there if the rep gets none
    now: away, off hours or because `available` is false; limits are not looked at.

    `unaccepted` leads wait for the rep to accept them, `late` ones of them for too long. More than `max_open`
    open leads (null: no limit) are possible, as accounts stay together.

    `turns` has the rep's place in each queue. `credits` counts every assignment ever given, but for those
    that a rejection gave back (`credit_back` of the policy). `rejected` counts the leads that the rep
    rejected in the last 90 days, by reason; it is left out when there are none.
    """

    id: str
    name: str
    queues: tuple[str, ...]
    weight: int
    weight_now: Annotated[int | None, Field(exclude_if=lambda weight: weight is None)]
    available: bool
    away: Annotated[list[DaysAway], Field(exclude_if=lambda days: not days)]
    no_new_leads: Annotated[NoNewLeads | None, Field(exclude_if=lambda why: why is None)]
    open_leads: int
    max_open: int | None
    unaccepted: int
    late: int
    credits: int
    turns: list[Annotated[QueueTurn, MsgspecType()]]
    rejected: Annotated[dict[str, int], Field(default_factory=dict, exclude_if=lambda counts: not counts)]


class RepChange(RequestBody):
    """With `available: false` the rep gets no new leads until it is true again, and keeps those it has."""

    available: bool


@router.get("", summary="List the reps", dependencies=[Security(caller, scopes=["read"])])
async def get_reps(gateway: Gateway) -> CompleteList[RepView]:
    async with gateway.database.read() as tx:
        rows, rejected = await rows_of_rotation(tx), await rejections_by_rep(tx)
        return CompleteList(data=await find_reps(gateway, tx, rows, rejected, gateway.clock.now()))


async def find_reps(
    gateway: GatewayState, tx: Tx, rows: Sequence[Row], rejected: Rejections, at: datetime
) -> list[RepView]:
    """Return every rep of the team; `rows` are those of the rotation."""
    team = (await gateway.policies.start()).policy.team
    state, hours = await _read_state(gateway, tx, rows, rejected, at), working_hours_of(team)
    return [_view(rep, hours.get(rep.id), state, at) for rep in team.reps]


@router.get(
    "/{id}",
    summary="Return a rep",
    dependencies=[Security(caller, scopes=["read"])],
    responses=problem_responses(404),
)
async def get_rep(id: str, gateway: Gateway) -> RepView:  # noqa: A002 - the name in the path
    rep, hours = _find_rep((await gateway.policies.start()).policy, id)
    at = gateway.clock.now()
    async with gateway.database.read() as tx:
        return await _read_rep(gateway, tx, rep, hours, at=at)


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
    audit: Audit,
) -> RepView:
    if principal.rep != id and not principal.may("manager"):
        raise forbidden("It speaks for another rep")
    rep, hours = _find_rep((await gateway.policies.start()).policy, id)
    at = gateway.clock.now()
    async with gateway.database.begin() as tx:
        await set_availability(tx, audit, rep.id, available=body.available, at=at)
        return await _read_rep(gateway, tx, rep, hours, at=at)


async def set_availability(tx: Tx, audit: AuditTrail, rep: str, *, available: bool, at: datetime) -> None:
    """Store whether a rep gets new leads."""
    rows = IdentityMap()
    rows.apply((Put(RepAvailability(rep, available, at)),))
    await tx.write(rows)
    await audit.record(tx, "rep.changed", rep, available=available)


class _TeamState(NamedTuple):
    """What the tables say of the reps."""

    unavailable: frozenset[str]
    rotation: Sequence[RepQueueRow]
    unaccepted: Mapping[str, Unaccepted]
    turns: list[QueueTurn]
    rejected: Rejections


async def _read_rep(
    gateway: GatewayState, tx: Tx, rep: Rep, hours: WorkingHours | None, *, at: datetime
) -> RepView:
    rows, rejected = await rows_of_rotation(tx), await rejections_by_rep(tx)
    return _view(rep, hours, await _read_state(gateway, tx, rows, rejected, at), at)


async def _read_state(
    gateway: GatewayState, tx: Tx, rows: Sequence[Row], rejected: Rejections, at: datetime
) -> _TeamState:
    compiled = await gateway.policies.start()
    teams = queue_teams(rows, routing_policy_of(compiled), compiled.policy.routing.queues, at)
    turns = [turn for team in teams for turn in team.turns]
    unavailable = frozenset(row.rep for row in rows if isinstance(row, AwayRepRow))
    rotation = [row for row in rows if isinstance(row, RepQueueRow)]
    return _TeamState(unavailable, rotation, await unaccepted_by_rep(tx, at), turns, rejected)


def _find_rep(policy: Policy, rep_id: str) -> tuple[Rep, WorkingHours | None]:
    for rep in policy.team.reps:
        if rep.id == rep_id:
            return rep, working_hours_of(policy.team).get(rep_id)
    raise not_found("rep", "rep", rep_id, "GET /v1/reps")


def _view(
    rep: Rep,
    hours: WorkingHours | None,
    team: _TeamState,
    at: datetime,
) -> RepView:
    own, schedule = [row for row in team.rotation if row.rep == rep.id], RepSchedule(rep, hours)
    unaccepted = team.unaccepted.get(rep.id, Unaccepted())
    state = schedule.at(at)
    no_new_leads = None
    if rep.id in team.unavailable:
        no_new_leads = NoNewLeads(
            skipped="unavailable", detail=in_words(Considered("unavailable", rep=rep.id)), until=None
        )
    elif state.skipped is not None:
        no_new_leads = NoNewLeads(
            skipped=state.skipped, detail=state.detail or "", until=schedule.next_free(at)
        )
    return RepView(
        id=rep.id,
        name=rep.name,
        queues=rep.queues,
        weight=rep.weight,
        weight_now=state.weight if state.weight != rep.weight else None,
        away=[DaysAway(begins=one.begins, ends=one.ends) for one in schedule.absences_from(at)],
        no_new_leads=no_new_leads,
        available=rep.id not in team.unavailable,
        open_leads=sum(row.open_leads for row in own),
        max_open=rep.max_open,
        unaccepted=unaccepted.leads,
        late=unaccepted.late,
        turns=[turn for turn in team.turns if turn.rep == rep.id],
        credits=sum(row.credits for row in own),
        rejected=dict(team.rejected.get(rep.id, {})),
    )

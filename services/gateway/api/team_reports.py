"""`/v1/reports/roles|capacity`: what the team achieves, and whether it is large enough."""

from typing import Final

from fastapi import APIRouter, Security

from services.gateway.api.report_parts import Days, FigureView, ReportView, heading
from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.reports.achievements import TeamAchievements
from services.gateway.domain.reports.figures import counted
from services.gateway.domain.reports.periods import BEGINNING, Period
from services.gateway.domain.reports.role_figures import counted_days
from services.gateway.domain.reports.staffing import QueueLoad, staffing, working_days
from services.gateway.domain.reports.team_roles import ROLES, Role
from services.gateway.queries.report_counters import Counters
from services.gateway.queries.reps import open_by_queue, waiting_by_queue
from services.ledger.tables import duration_counters, flow_counters, rep_counters

router = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)

STEPS_MAX: Final = 500
_OF_QUEUE: Final = ("assigned", "accepted", "late", "rejected")


class RepFigures(ApiModel):
    """The figures of a rep. `name` is null for a rep who has left the team.

    `counts` are leads, outcomes and US dollars of these days, as in the role.
    """

    rep: str
    name: str | None
    counts: dict[str, int]
    figures: dict[str, FigureView]


class RoleView(ApiModel):
    """A role: SDR, BDR, AE, SE or CSM, by the last word of the names of its queues.

    - `needs` says what there must be for the role to have figures; null where it has.
    - `counts`: leads `assigned`, `accepted`, accepted `late` or not in time, and given back (`rejected`);
      outcomes by type; `won_usd` in US dollars.
    - `figures` by name. SDR: `meetings_per_week` (of each SDR), `meeting_to_opportunity`, `reply_rate` (of
      the leads that they accepted). BDR: `named_pipeline` (opportunities they sourced in target accounts),
      `days_to_qualified` (median from first contact to opportunity). AE: `win_rate`, `attainment` (won in
      these days against the quota for as many days), `coverage` (open pipeline against the quota of a
      period). SE: `pilot_conversion`. CSM: `net_revenue_retention` and `gross_revenue_retention`, of the
      revenue that came up for renewal.
    """

    role: Role
    queues: list[str]
    heads: int
    needs: str | None
    counts: dict[str, int]
    figures: dict[str, FigureView]
    reps: list[RepFigures]


class RolesReport(ReportView):
    """What each role and each rep achieved, beside what is usual in the field."""

    roles: list[RoleView]


class QueueCapacity(ApiModel):
    """What comes to a queue, and what its reps take on. Days are those from Monday to Friday.

    `arrived` counts the leads that came to the queue to be worked, each once. `waiting` have no owner now.
    `max_open` and `cap_per_day` are those of all its reps together, null where one of them has no such limit.
    `missing_reps`: how many more would accept what arrives.
    """

    queue: str
    role: Role | None
    reps: int
    arrived: int
    accepted: int
    arrived_per_day: float
    accepted_per_day: float
    waiting: int
    open_leads: int
    max_open: int | None
    cap_per_day: int | None
    missing_reps: int


class CapacityReport(ReportView):
    """Whether the team fits the leads that come.

    `in_words` says which hire the figures ask for; `hires` are its sentences, one for each. `ratios` by name:
    `aes_per_sdr`, `aes_per_se`, `aes_per_manager`, `sdrs_per_manager`.
    """

    in_words: str
    hires: list[str]
    working_days: int
    heads: dict[Role, int]
    managers: int
    ratios: dict[str, FigureView]
    queues: list[QueueCapacity]


@router.get("/roles", summary="Report what each role and rep achieved")
async def get_roles(gateway: Gateway, days: Days) -> RolesReport:
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        sums = await counters.sums(rep_counters, ("queue", "rep"), days)
        until_then = Period(BEGINNING, days.until)
        ever = await counters.sums(rep_counters, ("queue", "rep"), until_then, {"open_usd"})
        qualified = await counters.sums(duration_counters, ("queue", "bucket"), days, clock="qualify")
        counted_since = await counters.counted_since()
    counting = counted_days(days.since, days.until, counted_since, gateway.clock.now().date())
    team = TeamAchievements(policy.team, sums, ever, qualified, days=days.days, counted_days=counting)
    queues = list(policy.routing.queues)
    roles = [team.of_role(role, queues) for role in ROLES]
    return RolesReport.model_validate({**heading(days, counted_since), "roles": roles})


@router.get(
    "/capacity", summary="Report whether the team fits the leads that come, and which hire is asked for"
)
async def get_capacity(gateway: Gateway, days: Days) -> CapacityReport:
    policy = (await gateway.policies.start()).policy
    today = gateway.clock.now().date()
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        flow = await counters.sums(flow_counters, ("queue",), days, {"arrived"})
        taken = await counters.sums(rep_counters, ("queue",), days, {"accepted"})
        counted_since = await counters.counted_since()
        waiting, open_leads = await waiting_by_queue(tx), await open_by_queue(tx)
    begins = max(days.since, counted_since) if counted_since is not None else days.since
    number = working_days(begins, min(days.until, today)) if counted_since is not None else 0
    loads = [
        QueueLoad.of(
            queue,
            policy.team,
            arrived=counted(flow.get((queue,), {}), "arrived"),
            accepted=counted(taken.get((queue,), {}), "accepted"),
            waiting=waiting.get(queue, 0),
            open_leads=open_leads.get(queue, 0),
            days=number,
        )
        for queue in policy.routing.queues
    ]
    found = staffing(policy.team, loads)
    return CapacityReport.model_validate(
        {
            **heading(days, counted_since),
            "in_words": found.in_words,
            "hires": list(found.hires),
            "working_days": number,
            "heads": dict(found.heads),
            "managers": found.managers,
            "ratios": dict(found.ratios),
            "queues": list(found.queues),
        }
    )

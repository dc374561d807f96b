"""`/v1/reports/flow`: which way leads took through the policy, and how long each stage took."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import APIRouter, Query, Security
from msgspec.structs import asdict

from services.gateway.api.report_parts import FigureView, ReportView, Windowed
from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, Manager, caller
from services.gateway.domain.access import Principal
from services.gateway.domain.reports.durations import duration_figure
from services.gateway.domain.reports.figures import counted, share
from services.gateway.domain.reports.flow_paths import flow_paths
from services.gateway.domain.reports.periods import PeriodName
from services.gateway.policy_versions import find_policy, load_version
from services.gateway.queries.flow import read_flow
from services.gateway.queries.report_counters import Counters, Sums
from services.gateway.queries.reps import waiting_by_queue
from services.gateway.state import GatewayState
from services.ledger.domain.counters import ACCEPT_BUCKETS, Counts, add_counts
from services.ledger.domain.lead_history import GIVEN_BACK, SUPPRESSED
from services.ledger.tables import accept_counters, duration_counters, flow_counters, rep_counters
from shared.policy.models import Policy
from shared.rules.describe import condition_words

router = APIRouter(
    prefix="/v1/reports",
    tags=["Reports"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["manager"])],
)

STEPS_MAX: Final = 500
_OF_QUEUE: Final = ("assigned", "accepted", "late", "rejected")
_VERSION_LENGTH_MAX: Final = 64


class DurationView(ApiModel):
    """How long something took: the median, and what 95 of 100 did not exceed, each within 19 %."""

    median: FigureView
    p95: FigureView


class QueueFlow(ApiModel):
    """What a queue got in these days and how fast. `queue` is null for all queues together.

    `to_route`: from the first form to the first decision; `to_accept` and `to_first_action`: from assignment,
    also outside working hours. `late_share` is of the assigned leads. `waiting` have no owner now.
    """

    queue: str | None
    arrived: int
    assigned: int
    accepted: int
    late: int
    rejected: int
    waiting: int
    late_share: FigureView
    to_route: DurationView
    to_accept: DurationView
    to_first_action: DurationView


class FlowStep(ApiModel):
    """How often a rule, or the reason of a suppression, led to a change; `queue` is null for suppressions."""

    queue: str | None
    change: str
    step: str
    decided: int


class GivenBack(ApiModel):
    """How often leads of a queue were given back, by reason; `(none)` stands for those without one."""

    queue: str
    reason: str
    given_back: int


class StepQueueView(ApiModel):
    """Leads that a rule took and that are in the queue. `compared` is their number in the other version."""

    queue: str
    leads: int
    compared: int | None


class StepPathView(ApiModel):
    """A suppression or a rule, in the order of the policy.

    - `reached`: the leads that came this far. Of these it took `leads`, did not hold for `no`, and for
      `unknown` a field was not known. Of suppressions the latter is not recorded: null, and part of `no`.
      `unknown_fields`: how many of these had no value of which field, of those that enrichment fills in.
    - `queues`: where its leads are, also when they were handed on or fell back from the rule's own queue.
    - `assigned` leads got an owner, `accepted` were taken up, `late` were not in time; `late_share` is of
      the assigned ones.
    - `in_policy` is false for a step that took leads and is no longer in the policy.
    - `compared`: the leads that it took under the other version.
    """

    kind: Literal["suppression", "rule"]
    name: str
    in_policy: bool
    condition: str | None
    sends_to: str | None
    reached: int
    leads: int
    no: int
    unknown: int | None
    unknown_fields: dict[str, int]
    assigned: int
    accepted: int
    late: int
    late_share: FigureView
    queues: list[StepQueueView]
    compared: int | None


class QueuePathView(ApiModel):
    """The leads that are in a queue. `accept_within` is null for one that is no longer in the policy."""

    queue: str
    leads: int
    accept_within: str | None
    compared: int | None


class PathsView(ApiModel):
    """The way of leads through a policy: each lead that was captured in these days, once.

    A lead counts where the last decision of the policy's rules on it put it: of version `policy`, or of any
    where that is null. The steps are those of version `drawn_by`; their `leads` add up to `leads`.
    """

    policy: str | None
    drawn_by: str
    compared_with: str | None
    leads: int
    compared: int | None
    steps: list[StepPathView]
    queues: list[QueuePathView]


class AcceptsWithin(ApiModel):
    """Accepted leads that took up to `within_minutes`, and more than the entry before; null: any longer."""

    within_minutes: int | None
    accepted: int


class RepAccepts(ApiModel):
    """How many leads of a queue a rep accepted, and how long that took."""

    queue: str
    rep: str
    accepted: int
    by_time: list[AcceptsWithin]


class FlowReport(ReportView):
    """Which way leads took, and how fast. `decided` counts decisions; a lead may have several.

    `paths` counts every lead once.
    """

    period: PeriodName | None
    paths: PathsView
    whole: QueueFlow
    queues: list[QueueFlow]
    steps: list[FlowStep]
    given_back: list[GivenBack]
    accepts: list[RepAccepts]


class FlowVersions(NamedTuple):
    """What a flow shows: decisions of `counted` (None: of any version) in the steps of `drawn`.

    The numbers of `compared` stand beside, where it is not None.
    """

    counted: str | None
    drawn: str
    policy: Policy
    compared: str | None


async def flow_versions(
    gateway: GatewayState, principal: Principal, policy: str | None, compare: str | None
) -> FlowVersions:
    """Return the versions that are named or begin so. Raises `Reject` (404, 409)."""
    compared = None if compare is None else (await find_policy(gateway, compare))[0].version
    present = await gateway.policies.start()
    if policy is None:
        return FlowVersions(None, present.version, present.policy, compared)
    found, _current = await find_policy(gateway, policy)
    if found.version == present.version:
        return FlowVersions(found.version, found.version, present.policy, compared)
    version, drawn, _files = await load_version(gateway, principal, found.version)
    return FlowVersions(version, version, drawn, compared)


@router.get(
    "/flow",
    summary="Report which way leads took through the policy, and how long each stage took",
    responses=problem_responses(404, 409),
)
async def get_flow(
    principal: Manager,
    gateway: Gateway,
    asked: Windowed,
    policy: Annotated[
        str | None,
        Query(
            max_length=_VERSION_LENGTH_MAX,
            description="Only decisions of this version, which may be shortened, or `active`; all by default",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        Query(max_length=_VERSION_LENGTH_MAX, description="Another version, whose counts stand beside"),
    ] = None,
) -> FlowReport:
    versions = await flow_versions(gateway, principal, policy, compare)
    in_force = (await gateway.policies.start()).policy.routing.queues
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        found = await read_flow(counters, asked.window, versions.counted, versions.compared)
        flow = await counters.sums(flow_counters, ("queue", "change", "step"), asked.window)
        reps = await counters.sums(rep_counters, ("queue",), asked.window, _OF_QUEUE)
        took = await counters.sums(duration_counters, ("queue", "clock", "bucket"), asked.window)
        accepts = await counters.sums(accept_counters, ("queue", "rep", "bucket"), asked.window)
        counted_since = await counters.counted_since()
        waiting = await waiting_by_queue(tx)
    paths = flow_paths(versions.policy, found.paths, found.unknown, found.compared)
    names = [*in_force, *sorted({key[0] for key in flow} - {""} - in_force.keys())]
    return FlowReport.model_validate(
        {
            **asked.heading(counted_since),
            "period": asked.name,
            "paths": {
                **asdict(paths),
                "policy": versions.counted,
                "drawn_by": versions.drawn,
                "compared_with": versions.compared,
                "steps": [
                    {**asdict(step), "condition": step.condition and condition_words(step.condition)}
                    for step in paths.steps
                ],
            },
            "whole": _queue_flow(None, flow, reps, took, waiting),
            "queues": [_queue_flow(name, flow, reps, took, waiting) for name in names],
            **_steps(flow),
            "accepts": _accepts(accepts),
        }
    )


def _steps(flow: Sums) -> dict[str, Any]:
    """Return how often each step led to each change, and how often leads were given back for which reason."""
    ordered = sorted(flow.items(), key=lambda item: (-counted(item[1], "decided"), item[0]))
    decided = [(key, number) for key, counts in ordered if (number := counted(counts, "decided")) > 0]
    return {
        "steps": [
            {
                "queue": None if change == SUPPRESSED else queue,
                "change": change,
                "step": step,
                "decided": number,
            }
            for (queue, change, step), number in decided
            if change != GIVEN_BACK
        ][:STEPS_MAX],
        "given_back": [
            {"queue": queue, "reason": reason, "given_back": number}
            for (queue, change, reason), number in decided
            if change == GIVEN_BACK
        ][:STEPS_MAX],
    }


def _accepts(accepts: Sums) -> list[dict[str, Any]]:
    """Return the fields of `RepAccepts` of each queue and rep."""
    by_rep: dict[tuple[str, str], dict[int, int]] = {}
    for (queue, rep, bucket), counts in accepts.items():
        if number := counted(counts, "accepted"):
            by_rep.setdefault((queue, rep), {})[bucket] = number
    return [
        {
            "queue": queue,
            "rep": rep,
            "accepted": sum(by_bucket.values()),
            "by_time": [
                {"within_minutes": ends, "accepted": by_bucket.get(bucket, 0)}
                for bucket, ends in enumerate((*ACCEPT_BUCKETS, None))
            ],
        }
        for (queue, rep), by_bucket in sorted(by_rep.items())
    ]


def _queue_flow(
    queue: str | None, flow: Sums, reps: Sums, took: Sums, waiting: Mapping[str, int]
) -> dict[str, Any]:
    """Return the fields of a `QueueFlow`: of one queue, or with None of all."""
    arrived = sum(counted(counts, "arrived") for key, counts in flow.items() if queue in (None, key[0]))
    counts: Counts = {}
    for (name,), own in reps.items():
        if queue in (None, name):
            add_counts(counts, own)
    buckets: dict[str, dict[int, int]] = {"route": {}, "accept": {}, "act": {}}
    for (name, clock, bucket), own in took.items():
        if queue in (None, name) and clock in buckets:
            buckets[clock][bucket] = buckets[clock].get(bucket, 0) + counted(own, "measured")
    needs = {
        "route": ("to_route", "leads that were routed in these days"),
        "accept": ("to_accept", "leads that were accepted in these days"),
        "act": ("to_first_action", "actions or outcomes in these days"),
    }
    assigned = counted(counts, "assigned")
    return {
        "queue": queue,
        "arrived": arrived,
        **{name: counted(counts, name) for name in _OF_QUEUE},
        "waiting": sum(waiting.values()) if queue is None else waiting.get(queue, 0),
        "late_share": share(
            counted(counts, "late"), assigned, needs="leads that were assigned in these days"
        ),
        **{
            name: {
                part: duration_figure(buckets[clock], of, unit="seconds", needs=missing)
                for part, of in (("median", 0.5), ("p95", 0.95))
            }
            for clock, (name, missing) in needs.items()
        },
    }

"""`route`: the pure routing decision, from a scored lead to whose turn it is, with 200 reps and 60 rules.

There is no floor: what is aimed at is a time, so the ratio is that time over the time it takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.router.domain.rotation import choose_rep, select_from_queue
from services.router.domain.route import decide_route
from services.router.domain.state import RepQueueRow
from services.router.policy import RoutingPolicy, routing_policy_of
from shared.lead.events.routing import Distribution
from shared.lead.facts import facts_of
from shared.policy.compiled import compiled
from shared.policy.load import load
from shared.policy.models import Rep, RoutingRule, Team
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, Compare
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from tests.bench.figure import Figure, microseconds
from tests.bench.services import Services
from tests.support.scored_leads import AT, scored_lead

_AIM_US: Final = 50
_REPS: Final = 200
_RULES: Final = 60
_OTHERS: Final[tuple[Distribution, ...]] = ("in_order", "least_open", "most_capacity")
_TIMES: Final = 2_000


async def route(_services: Services) -> Figure:
    """Measure the figure: the lead matches the last rule but one, its queue has a quarter of the reps."""
    plan, lead = _plan("weighted"), scored_lead(grade="C3", employees=420)
    world = IdentityMap(
        RepQueueRow(queue, rep, open_leads=number % 7, number=number + 1, number_before=number // 2)
        for number, (queue, rep) in enumerate(sorted(plan.rep_queues))
    )
    facts = facts_of(lead, lead.account_view, plan.readers)
    assert decide_route(plan, facts, AT).rule == "fits"

    def decide(by: RoutingPolicy) -> None:
        routed = decide_route(by, facts_of(lead, lead.account_view, by.readers), AT)
        choose_rep(ChangeSet(world), by, routed.queue, AT, (), use_fallback=True, demands=routed.demands)

    whole = microseconds(_TIMES, lambda: decide(plan))
    others = {how: _plan(how) for how in _OTHERS}
    by_other = {how: microseconds(_TIMES, lambda: decide(by)) for how, by in others.items()}  # noqa: B023
    parts = {
        "facts": microseconds(_TIMES, lambda: facts_of(lead, lead.account_view, plan.readers)),
        "rules": microseconds(_TIMES, lambda: decide_route(plan, facts, AT)),
        "turn": microseconds(_TIMES, lambda: select_from_queue(ChangeSet(world), plan, "sdr", AT)),
    }
    told = ", ".join(f"{name} {cpu_us:.1f} us" for name, cpu_us in parts.items())
    team = len(plan.teams["sdr"].schedules)
    details = [
        f"{whole:.1f} us a decision (aim: {_AIM_US} us)",
        f"{told}; {team} of {_REPS} reps in the queue",
        ", ".join(f"{how} {time:.1f} us a decision" for how, time in by_other.items()),
    ]
    return Figure("route", round(_AIM_US / whole, 3), None, details)


def _plan(distribute: Distribution) -> RoutingPolicy:
    """The default policy with more rules before its last two, a larger team and the same distribution."""
    policy = load(Path("config"))
    rules = policy.routing.rules
    more = tuple(_rule(number) for number in range(_RULES - len(rules)))
    queues = {**policy.routing.queues, "csm": policy.routing.queues["sdr"]}
    queues = {name: queue.model_copy(update={"distribute": distribute}) for name, queue in queues.items()}
    names = tuple(queues)
    reps = tuple(Rep(id=f"rep-{n}", name=f"Rep {n}", queues=(names[n % len(names)],)) for n in range(_REPS))
    routing = policy.routing.model_copy(update={"rules": (*rules[:-2], *more, *rules[-2:]), "queues": queues})
    return routing_policy_of(
        compiled(policy.model_copy(update={"routing": routing, "team": Team(reps=reps)}))
    )


def _rule(number: int) -> RoutingRule:
    """A rule that does not match, by its second comparison."""
    when = AllOf(
        (
            Compare("company.employees", Op.BETWEEN, (100 + number, 900)),
            Compare("company.country", Op.IN, ("JP", "SG")),
            Compare("company.industry", Op.EQ, f"industry {number}"),
        )
    )
    return RoutingRule(name=f"special-{number}", queue="bdr", when=when)

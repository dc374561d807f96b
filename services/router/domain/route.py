"""Which queue a lead belongs in: the first rule of the policy that matches wins.

A condition over a value that is missing is unknown: it does not match, and is told apart from one that
is false.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.router.domain.plan import Plan, PlannedRule
from services.router.domain.wording import sentences
from shared.errors import Crash
from shared.events.routing import Considered, Motion
from shared.rules.interpret import evaluate
from shared.rules.syntax import Facts


class Route(Struct, frozen=True):
    """Where a lead belongs. `keep`: with its owner, in the owner's queue. `suppressed`: nowhere, and why.

    `alert`: the owner should look now.
    """

    rule: str
    queue: str = ""
    motion: Motion = "work"
    keep: bool = False
    suppressed: str | None = None
    alert: bool = False
    reasons: tuple[str, ...] = ()
    considered: tuple[Considered, ...] = ()


def decide_route(plan: Plan, facts: Facts, at: datetime) -> Route:
    """Return where a lead with these facts belongs, with a reason for every rule that was not taken."""
    suppression = plan.policy.suppress.first(facts, at)
    if suppression is not None:
        return Route(rule=suppression.reason, suppressed=suppression.reason)
    taken, passed = _first(plan, facts, at)
    rule = plan.rules[taken].rule
    alert = plan.policy.alert_owner
    return Route(
        rule=rule.name,
        queue=rule.queue,
        motion=rule.motion,
        keep=rule.keeps,
        alert=alert is not None and alert.holds(facts, at) is True,
        reasons=_reasons(plan.rules[taken], facts, at),
        considered=(*passed, *(later.earlier_match for later in plan.rules[taken + 1 :])),
    )


def _first(plan: Plan, facts: Facts, at: datetime) -> tuple[int, list[Considered]]:
    """Return the place of the first rule that matches, and why those before it did not."""
    passed: list[Considered] = []
    for place, planned in enumerate(plan.rules):
        verdict = planned.holds(facts, at)
        if verdict:
            return place, passed
        passed.append(planned.unknown_field if verdict is None else planned.no_match)
    raise Crash("no routing rule matches, though the last one of a policy has no condition")


def _reasons(planned: PlannedRule, facts: Facts, at: datetime) -> tuple[str, ...]:
    because = evaluate(planned.when, facts, at).because
    return sentences(because) or ("no other rule matched",)

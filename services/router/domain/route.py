"""Which queue a lead belongs in: the first rule of the policy that matches wins.

A condition over a value that is missing is unknown: it does not match, and is told apart from one that
is false.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.router.domain.policy import RoutingPolicy
from shared.lead.events.routing import Considered, Motion
from shared.rules.describe import sentences
from shared.rules.evaluate import evaluate
from shared.rules.syntax import Condition, Facts


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


def decide_route(plan: RoutingPolicy, facts: Facts, at: datetime) -> Route:
    """Return where a lead with these facts belongs, with a reason for every rule that was not taken."""
    suppression = plan.policy.suppress.first(facts, at)
    if suppression is not None:
        return Route(rule=suppression.reason, suppressed=suppression.reason)
    taken, alert = plan.take(facts, at), plan.policy.alert_owner
    return Route(
        rule=taken.rule.name,
        queue=taken.rule.queue,
        motion=taken.rule.motion,
        keep=taken.rule.keeps,
        alert=alert is not None and alert.holds(facts, at) is True,
        reasons=_reasons(taken.when, facts, at),
        considered=taken.considered,
    )


def _reasons(when: Condition, facts: Facts, at: datetime) -> tuple[str, ...]:
    return sentences(evaluate(when, facts, at).because) or ("no other rule matched",)

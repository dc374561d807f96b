"""The route of a lead: the first routing rule of the policy that matches.

Conditions are evaluated in three-valued logic: a condition on a missing value is unknown. Unknown does not
match, but is reported separately from false.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from services.router.policy import ANYBODY, Demands, RoutingPolicy
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.routing import Considered, Motion
from shared.lead.fields import FactKeys
from shared.rules.describe import sentences
from shared.rules.evaluate import evaluate, holds_despite
from shared.rules.syntax import Facts


class Route(Struct, frozen=True):
    """The result of the routing rules.

    `keep` leaves the lead with its owner, in the owner's queue. `suppressed` is the reason why nobody gets
    the lead, None if it is not suppressed; `spared` is one that holds only by what nobody proved. `alert`
    asks for the owner's immediate attention. `demands` are those of the lead on whoever gets it.
    """

    rule: str
    queue: str = ""
    motion: Motion = "work"
    keep: bool = False
    suppressed: str | None = None
    spared: str | None = None
    alert: bool = False
    reasons: tuple[str, ...] = ()
    considered: tuple[Considered, ...] = ()
    demands: Demands = ANYBODY


def doubted_fields(data: LeadScoredV1) -> Callable[[str], bool]:
    """Return the test for fields that any stranger can type, on a form that nobody checks."""
    opt_out_is_doubted = data.consent.proven is False

    def is_doubted(field: str) -> bool:
        typed = field.startswith(("person.", "answers.")) or field in (FactKeys.MESSAGE, FactKeys.SPAM_SCORE)
        return typed or (opt_out_is_doubted and field == FactKeys.OPTED_OUT)

    return is_doubted


def decide_suppression(
    policy: RoutingPolicy, facts: Facts, at: datetime, is_doubted: Callable[[str], bool] | None
) -> tuple[str | None, str | None]:
    """Return the reason to suppress a lead, and the reason for which it is spared, None for neither.

    With `is_doubted` the lead is protected: somebody works it. It is suppressed only if a rule holds whatever
    the doubted fields are.
    """
    suppression = policy.compiled.suppress.first(facts, at)
    if suppression is None or is_doubted is None:
        return (suppression.reason if suppression else None), None
    for rule in policy.compiled.suppress.rules:
        if holds_despite(rule.when, facts, at, is_doubted) is True:
            return rule.outcome.reason, None
    return None, suppression.reason


def decide_route(
    policy: RoutingPolicy, facts: Facts, at: datetime, is_doubted: Callable[[str], bool] | None = None
) -> Route:
    """Return the route of a lead with these facts, with a reason for every rule that was not taken.

    `is_doubted` is given for a protected lead, as for `decide_suppression`.
    """
    suppressed, spared = decide_suppression(policy, facts, at, is_doubted)
    if suppressed is not None:
        return Route(rule=suppressed, suppressed=suppressed)
    match, alert = policy.first_match(facts, at), policy.compiled.alert_owner
    # The last rule has no condition, so nothing to report.
    reasons = sentences(evaluate(match.when, facts, at).because) or ("no other rule matched",)
    if spared is not None:
        reasons = (*reasons, f"not suppressed ({spared}): only what anybody can type on a form says so")
    demands = policy.demands(match.rule.name, policy.territory_of(facts, at))
    if demands.territory is not None:
        reasons = (*reasons, f"only reps of the territory {demands.territory} may have it")
    return Route(
        rule=match.rule.name,
        queue=match.rule.queue,
        motion=match.rule.motion,
        keep=match.rule.keeps,
        spared=spared,
        alert=alert is not None and alert.holds(facts, at) is True,
        reasons=reasons,
        considered=match.considered,
        demands=demands,
    )

"""The route of a lead: the first routing rule of the policy that matches.

Conditions are evaluated in three-valued logic: a condition on a missing value is unknown. Unknown does not
match, but is reported separately from false.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.router.policy import RoutingPolicy
from shared.lead.events.routing import Considered, Motion
from shared.rules.describe import sentences
from shared.rules.evaluate import evaluate
from shared.rules.syntax import Facts


class Route(Struct, frozen=True):
    """The result of the routing rules.

    `keep` leaves the lead with its owner, in the owner's queue. `suppressed` is the reason why nobody gets
    the lead, None if it is not suppressed. `alert` asks for the owner's immediate attention.
    """

    rule: str
    queue: str = ""
    motion: Motion = "work"
    keep: bool = False
    suppressed: str | None = None
    alert: bool = False
    reasons: tuple[str, ...] = ()
    considered: tuple[Considered, ...] = ()


def decide_route(policy: RoutingPolicy, facts: Facts, at: datetime) -> Route:
    """Return the route of a lead with these facts, with a reason for every rule that was not taken."""
    suppression = policy.compiled.suppress.first(facts, at)
    if suppression is not None:
        return Route(rule=suppression.reason, suppressed=suppression.reason)
    match, alert = policy.first_match(facts, at), policy.compiled.alert_owner
    return Route(
        rule=match.rule.name,
        queue=match.rule.queue,
        motion=match.rule.motion,
        keep=match.rule.keeps,
        alert=alert is not None and alert.holds(facts, at) is True,
        # The last rule has no condition, so nothing to report.
        reasons=sentences(evaluate(match.when, facts, at).because) or ("no other rule matched",),
        considered=match.considered,
    )

"""Where a lead may end up: queue, motion and band, by the bounds of the scorer's and the router's decisions.

Never too few endings: if it is one, it is certain. Whatever else decides (knowledge of the account, its
signals) is taken as it stands.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.scorer.domain.bounds import Ground, Interest, bounds_with
from shared.lead.facts import ActiveOwner, owner_facts
from shared.lead.fields import FactKeys
from shared.policy.models import RoutingRule
from shared.rules.bounds import ANY_VALUE, UnknownFields

_ACCOUNT_OPEN: Final[UnknownFields] = dict.fromkeys(
    (
        FactKeys.PEOPLE,
        FactKeys.HIGH_INTENT_PEOPLE,
        FactKeys.MEDIUM_INTENT_PEOPLE,
        FactKeys.ROLES,
        FactKeys.SPIKE,
        FactKeys.BEST_FIT_GRADE,
        FactKeys.QUALIFIED,
        FactKeys.TRIGGER_KIND,
        FactKeys.TRIGGER_TYPE,
    ),
    ANY_VALUE,
)


class Ending(Struct, frozen=True):
    """Where a lead may end up."""

    queue: str
    motion: str
    band: str


class Case(Struct, frozen=True):
    """What is the same in every completion of the facts about a lead; the grades are those it holds."""

    owner: ActiveOwner | None
    interest: Interest
    fit_grade: str | None = None
    intent_grade: str | None = None


def endings(case: Case, ground: Ground) -> frozenset[Ending]:
    """Return every ending that is still possible, and perhaps more; being suppressed aside."""
    scored = bounds_with(case.interest, case.fit_grade, case.intent_grade, ground)
    facts = {**scored.ground.facts, **owner_facts(case.owner)}
    unsettled = {**scored.ground.unsettled, **_ACCOUNT_OPEN}
    rules = ground.policy.source.rules.possible(facts, unsettled, ground.at)
    return frozenset(_ending(rule, band, case.owner) for rule in rules if rule for band in scored.bands)


def is_suppressed(ground: Ground) -> bool:
    """Tell whether a lead is suppressed for certain."""
    return None not in ground.policy.source.suppress.possible(ground.facts, ground.unsettled, ground.at)


def _ending(rule: RoutingRule, band: str, owner: ActiveOwner | None) -> Ending:
    if rule.keeps:
        return Ending(owner.queue if owner else "", "kept", band)
    return Ending(rule.queue, rule.motion, band)

"""Explains a route from its recorded facts: the verdict of every rule, and what would change it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.counterfactuals import Counterfactual, RouteResult, counterfactuals
from services.router.domain.route import decide_suppression, doubted_fields
from services.router.policy import RoutingPolicy
from services.scorer.domain.what_if import WhatIf
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.facts import ActiveOwner, facts_of
from shared.rules.evaluate import RuleVerdict, evaluate, failed_alternatives
from shared.rules.explained import RuleExplanation, explained, explained_comparisons
from shared.rules.syntax import Condition, Facts, comparisons


class RouteExplanation(Struct, frozen=True):
    """Where the policy sends a lead. When it is suppressed, `rule` is the reason and `queue` is None.

    `spared` is the reason of a suppression that did not count, as only what anybody can type says so.
    """

    policy_version: str
    rule: str
    queue: str | None
    motion: str | None
    spared: str | None
    suppressions: list[RuleExplanation]
    rules: list[RuleExplanation]
    counterfactuals: list[Counterfactual]


def explain_route(
    data: LeadScoredV1,
    owner: ActiveOwner | None,
    policy: RoutingPolicy,
    at: datetime,
    *,
    is_protected: bool = False,
    what_if: WhatIf | None = None,
) -> RouteExplanation:
    """Return why the policy sends a scored lead where it does, at the instant `at`.

    A protected lead, one that somebody works, is suppressed only by what is proven. With `what_if` the score
    of a counterfactual follows from its change.
    """
    is_doubted = doubted_fields(data) if is_protected else None

    def decide(facts: Facts) -> RouteResult:
        suppressed, _spared = decide_suppression(policy, facts, at, is_doubted)
        if suppressed is not None:
            return RouteResult(suppressed, None, None)
        rule = policy.compiled.rules.first(facts, at)
        if rule is None:
            return RouteResult("", None, None)
        queue = owner.queue if rule.keeps and owner is not None else rule.queue
        return RouteResult(rule.name, queue, rule.motion)

    facts = facts_of(data, data.account_view, policy.readers, owner)
    result = decide(facts)
    return RouteExplanation(
        policy_version=policy.version,
        rule=result.rule,
        queue=result.queue,
        motion=result.motion,
        spared=decide_suppression(policy, facts, at, is_doubted)[1],
        suppressions=[explained(verdict) for verdict in policy.compiled.suppress.explain(facts, at)],
        rules=[
            _explained_in_full(explained(verdict), verdict, rule.when, facts, at)
            for rule, verdict in zip(
                policy.compiled.rules.rules, policy.compiled.rules.explain(facts, at), strict=True
            )
        ],
        counterfactuals=counterfactuals(policy, facts, decide, what_if),
    )


def _explained_in_full(
    rule: RuleExplanation, verdict: RuleVerdict, when: Condition, facts: Facts, at: datetime
) -> RuleExplanation:
    """Return why a rule was passed over: what it asks of the owner first, then what decided.

    Where something is unknown, also the alternatives that do not hold: only the unknown one was left.
    """
    if rule.verdict not in ("no_match", "unknown_field"):
        return rule
    asked = (compare for compare in comparisons(when) if compare.field.startswith("owner."))
    owner = [decider for compare in asked for decider in evaluate(compare, facts, at).because]
    failed = failed_alternatives(when, facts, at) if rule.verdict == "unknown_field" else ()
    return replace(rule, because=explained_comparisons((*owner, *verdict.verdict.because, *failed)))

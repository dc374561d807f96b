"""Explains a route: the verdict of every rule, and counterfactuals (the smallest change to another route).

The counterfactuals are complete for the fields whose conditions split the values into finitely many
equivalence classes (`shared.rules.equivalence_classes`): one value of each class is tried, and no rule
distinguishes the values of a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from services.router.domain.field_variations import candidate_values, describe_change
from services.router.domain.route import decide_suppression, doubted_fields
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.facts import ActiveOwner, facts_of
from shared.lead.fields import field_named
from shared.rules.evaluate import fact_of
from shared.rules.explained import RuleExplanation, as_json, explained
from shared.rules.syntax import Compare, Facts, Rule, comparisons

_FIXED: Final = ("owner.", "trigger.", "lead.", "consent.")
"""Prefixes of fields that are not varied: a different owner, trigger or consent is no useful advice."""


class Counterfactual(Struct, frozen=True):
    """The smallest change of one field that leads to another queue or motion, or to a suppression.

    All other fields keep their values, the scores too. `says` reads like `with 300 more employees: bdr`.
    """

    field: str
    now: Any
    then: Any
    rule: str
    queue: str | None
    says: str


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


class _Result(Struct, frozen=True):
    """Where the rules send a lead. `queue` and `motion` are None when it is suppressed."""

    rule: str
    queue: str | None
    motion: str | None

    @property
    def destination(self) -> tuple[str | None, str | None, str | None]:
        """Equal for results that lead to the same place, or that suppress for the same reason."""
        return (self.queue, self.motion, self.rule if self.queue is None else None)


def explain_route(
    data: LeadScoredV1,
    owner: ActiveOwner | None,
    policy: RoutingPolicy,
    at: datetime,
    *,
    is_protected: bool = False,
) -> RouteExplanation:
    """Return why the policy sends a scored lead where it does, at the instant `at`.

    A protected lead, one that somebody works, is suppressed only by what is proven.
    """
    is_doubted = doubted_fields(data) if is_protected else None

    def decide(facts: Facts) -> _Result:
        suppressed, _spared = decide_suppression(policy, facts, at, is_doubted)
        if suppressed is not None:
            return _Result(suppressed, None, None)
        rule = policy.compiled.rules.first(facts, at)
        if rule is None:
            return _Result("", None, None)
        queue = owner.queue if rule.keeps and owner is not None else rule.queue
        return _Result(rule.name, queue, rule.motion)

    facts = facts_of(data, data.account_view, policy.readers, owner)
    result = decide(facts)
    return RouteExplanation(
        policy_version=policy.version,
        rule=result.rule,
        queue=result.queue,
        motion=result.motion,
        spared=decide_suppression(policy, facts, at, is_doubted)[1],
        suppressions=[explained(verdict) for verdict in policy.compiled.suppress.explain(facts, at)],
        rules=[explained(verdict) for verdict in policy.compiled.rules.explain(facts, at)],
        counterfactuals=list(_counterfactuals(policy, facts, result, decide)),
    )


def _counterfactuals(
    policy: RoutingPolicy, facts: Facts, result: _Result, decide: Callable[[Facts], _Result]
) -> Iterator[Counterfactual]:
    """Yield for each field, in the order of the policy, the smallest change to each other destination."""
    rules: tuple[Rule[Any], ...] = (*policy.compiled.suppress.rules, *policy.compiled.rules.rules)
    by_field: dict[str, list[Compare]] = {}
    for rule in rules:
        for compare in comparisons(rule.when):
            by_field.setdefault(compare.field, []).append(compare)
    for name, compares in by_field.items():
        field = field_named(name)
        if field is None or name.startswith(_FIXED):
            continue
        now = fact_of(name, facts)
        found: dict[object, tuple[Any, _Result]] = {}
        for value in candidate_values(field, compares, now):
            other = decide({**facts, name: value})
            if other.destination != result.destination:
                found.setdefault(other.destination, (value, other))
        for value, other in found.values():
            goes = other.queue or f"suppressed ({other.rule})"
            if other.motion == "nurture":
                goes += " (nurture)"
            says = f"with {describe_change(field, now, value)}: {goes}"
            yield Counterfactual(name, as_json(now), as_json(value), other.rule, other.queue, says)

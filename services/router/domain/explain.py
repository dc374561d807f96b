"""Why a lead is where it is, rule by rule, and which single change would have led elsewhere.

The counterfactuals are computed, not guessed: every field that a rule compares has a few values between which
no rule tells apart (`shared.rules.equivalence_classes`), so that trying one of each tries them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from services.router.domain.policy import RoutingPolicy
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.facts import ActiveOwner, facts_of
from shared.lead.fields import Field, Kind, field_named
from shared.rules.describe import label_of, shown
from shared.rules.equivalence_classes import dimension_of, representatives
from shared.rules.evaluate import fact_of
from shared.rules.explained import RuleExplanation, as_json, explained
from shared.rules.syntax import MEMBERSHIP, Compare, Facts, Op, Rule, comparisons

_FIXED: Final = ("owner.", "trigger.", "lead.", "consent.")
"""Fields that tell how it came about; nobody asks what if they were different."""


class Counterfactual(Struct, frozen=True):
    """The smallest change of one field that leads to another queue or motion, or to a suppression.

    Everything else stays, also the scores. `says` is `with 300 more employees: bdr`.
    """

    field: str
    now: Any
    then: Any
    rule: str
    queue: str | None
    says: str


class RouteExplanation(Struct, frozen=True):
    """Where the policy sends a lead. `rule` is the reason when it is suppressed, and `queue` None then."""

    policy_version: str
    rule: str
    queue: str | None
    motion: str | None
    suppressions: list[RuleExplanation]
    rules: list[RuleExplanation]
    counterfactuals: list[Counterfactual]


class _Outcome(Struct, frozen=True):
    rule: str
    queue: str | None
    motion: str | None

    @property
    def place(self) -> tuple[str | None, str | None, str | None]:
        """What counts as another outcome: where the lead goes, or why nowhere."""
        return (self.queue, self.motion, self.rule if self.queue is None else None)


def explain_route(
    data: LeadScoredV1, owner: ActiveOwner | None, plan: RoutingPolicy, at: datetime
) -> RouteExplanation:
    """Return why the plan sends a scored lead where it does, at the instant `at`."""
    facts = facts_of(data, data.account_view, plan.readers, owner)
    decide = _decider(plan, owner, at)
    outcome = decide(facts)
    return RouteExplanation(
        policy_version=plan.version,
        rule=outcome.rule,
        queue=outcome.queue,
        motion=outcome.motion,
        suppressions=[explained(each) for each in plan.policy.suppress.explain(facts, at)],
        rules=[explained(each) for each in plan.policy.rules.explain(facts, at)],
        counterfactuals=list(_counterfactuals(plan, facts, outcome, decide)),
    )


def _decider(plan: RoutingPolicy, owner: ActiveOwner | None, at: datetime) -> Callable[[Facts], _Outcome]:
    def decide(facts: Facts) -> _Outcome:
        suppression = plan.policy.suppress.first(facts, at)
        if suppression is not None:
            return _Outcome(suppression.reason, None, None)
        rule = plan.policy.rules.first(facts, at)
        if rule is None:
            return _Outcome("", None, None)
        queue = owner.queue if rule.keeps and owner is not None else rule.queue
        return _Outcome(rule.name, queue, rule.motion)

    return decide


# What would have to be different


def _counterfactuals(
    plan: RoutingPolicy, facts: Facts, outcome: _Outcome, decide: Callable[[Facts], _Outcome]
) -> Iterator[Counterfactual]:
    """Yield for each field, in the order of the policy, the smallest change to each other outcome."""
    for name, compares in _compared(plan).items():
        field = field_named(name)
        if field is None or name.startswith(_FIXED):
            continue
        found: dict[object, tuple[Any, _Outcome]] = {}
        for value in _candidates(field, compares, fact_of(name, facts)):
            then = decide({**facts, name: value})
            if then.place != outcome.place:
                found.setdefault(then.place, (value, then))
        for value, then in found.values():
            yield _counterfactual(field, fact_of(name, facts), value, then)


def _compared(plan: RoutingPolicy) -> Mapping[str, list[Compare]]:
    """Return the comparisons of every field that a rule or a suppression looks at."""
    rules: tuple[Rule[Any], ...] = (*plan.policy.suppress.rules, *plan.policy.rules.rules)
    by_field: dict[str, list[Compare]] = {}
    for rule in rules:
        for compare in comparisons(rule.when):
            by_field.setdefault(compare.field, []).append(compare)
    return by_field


def _candidates(field: Field, compares: list[Compare], now: Any) -> list[Any]:
    """Return values that stand for all that the field could be instead, the nearest first."""
    if field.kind is Kind.SET:
        return _sets(compares, now)
    if field.kind is Kind.OPEN:
        values = [each for each in compares if each.op in {Op.EQ, Op.IN}]
        return [
            one for each in values for one in (each.value if isinstance(each.value, tuple) else [each.value])
        ]
    # What only a pattern or an age settles has no values to try.
    settled = [each for each in compares if not isinstance(dimension_of(each), Compare)]
    texts = {one for each in settled for one in _texts(each)}
    tried = representatives(field, settled) if settled else ()
    present = [each for each in tried if each != now and not (field.kind is Kind.TEXT and each not in texts)]
    if field.kind is Kind.INTEGER:
        return sorted(present, key=lambda each: abs(each - (now or 0)))
    return present


def _texts(compare: Compare) -> tuple[Any, ...]:
    values = compare.value if isinstance(compare.value, tuple) else (compare.value,)
    return tuple(each.casefold() if isinstance(each, str) else each for each in values)


def _sets(compares: list[Compare], now: Any) -> list[Any]:
    """Return the set with one more, or one less, of what is looked for in it."""
    has = tuple(now or ())
    looked_for = {one for each in compares if each.op in MEMBERSHIP for one in _texts(each)}
    more = [(*has, one) for one in sorted(looked_for - {each.casefold() for each in has})]
    less = [tuple(each for each in has if each.casefold() != one) for one in sorted(looked_for)]
    return more + [each for each in less if len(each) < len(has)]


def _counterfactual(field: Field, now: Any, then: Any, outcome: _Outcome) -> Counterfactual:
    goes = outcome.queue or f"suppressed ({outcome.rule})"
    if outcome.motion == "nurture":
        goes += " (nurture)"
    says = f"with {_change(field, now, then)}: {goes}"
    return Counterfactual(field.name, as_json(now), as_json(then), outcome.rule, outcome.queue, says)


def _change(field: Field, now: Any, then: Any) -> str:
    label = label_of(field.name).removeprefix("company ")
    if field.kind is Kind.SET:
        one, other = {*(now or ())}, {*then}
        return f"{shown(other - one)} in {label}" if other - one else f"no {shown(one - other)} in {label}"
    if field.name in _AMOUNTS and now is not None:
        difference = then - now
        return f"{abs(difference):,} {'more' if difference > 0 else 'fewer'} {label}"
    return f"{label} {shown(then)}"


_AMOUNTS: Final = frozenset(
    {"company.employees", "account.people", "account.high_intent_people", "account.medium_intent_people"}
)
"""What is counted; of other numbers the value itself is told."""

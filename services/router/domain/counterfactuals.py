"""Counterfactuals of a route: the smallest change of one fact that leads to another queue or motion.

They are complete for the fields whose conditions split the values into finitely many equivalence classes
(`shared.rules.equivalence_classes`): one value of each class is tried, and no rule distinguishes the values
of a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from services.router.domain.field_variations import candidate_values, describe_change
from services.router.policy import RoutingPolicy
from services.scorer.domain.what_if import WhatIf
from shared.lead.fields import FactKeys, field_named
from shared.rules.evaluate import fact_of
from shared.rules.explained import as_json
from shared.rules.syntax import Compare, Facts, Rule, comparisons

_FIXED: Final = ("owner.", "trigger.", "lead.", "consent.", "activity.", "signal.")
"""Prefixes of fields that are not varied: a different owner, trigger or consent is no useful advice.

What a person did stays so, too; one more activity or signal is tried instead.
"""
_BY_USE: Final = (
    "activity.",
    "signal.",
    FactKeys.INTENT,
    "signals.",
    FactKeys.RELATION,
    FactKeys.TITLE,
    FactKeys.SENIORITY,
    FactKeys.DEPARTMENT,
    FactKeys.EMPLOYEES,
    FactKeys.INDUSTRY,
    "company.",
    "account.",
    "answers.",
    "source.",
    FactKeys.PERSON_COUNTRY,
    "score.",
    "",
    FactKeys.EMAIL_STATUS,
    FactKeys.EMAIL_KIND,
    FactKeys.SPAM_SCORE,
)
"""Prefixes of fields: what a seller or a manager can do most about is first, "" is every other field."""


class RouteResult(Struct, frozen=True):
    """Where the rules send a lead. When it is suppressed, `rule` is the reason, the others are None."""

    rule: str
    queue: str | None
    motion: str | None

    @property
    def place(self) -> tuple[str | None, str | None, str | None]:
        """Equal for results that lead to the same place, or that suppress for the same reason."""
        return (self.queue, self.motion, self.rule if self.queue is None else None)


class Counterfactual(Struct, frozen=True):
    """The smallest change of one fact that leads to another queue or motion, or to a suppression.

    All other facts keep their values, but the score follows from the change where `explain_route` can compute
    it. A change of `activity.type` or `signal.type` is one more of that type. `says` reads like
    `with 300 more employees: bdr`.
    """

    field: str
    now: Any
    then: Any
    rule: str
    queue: str | None
    says: str


def counterfactuals(
    policy: RoutingPolicy,
    facts: Facts,
    decide: Callable[[Facts], RouteResult],
    what_if: WhatIf | None = None,
) -> list[Counterfactual]:
    """Return for each field the smallest change to each other destination, the most useful ones first.

    What would suppress the lead comes last. Without `what_if` the score stays, and only what routing compares
    is varied.
    """
    now = decide(facts)
    changes = [*_changed_fields(policy, facts, now, decide, what_if)]
    if what_if is not None:
        changes += _one_more(what_if, facts, now, decide)

    def use(change: Counterfactual) -> tuple[bool, int]:
        rank = max((prefix for prefix in _BY_USE if change.field.startswith(prefix)), key=len)
        return change.queue is None, _BY_USE.index(rank)

    return sorted(changes, key=use)


def _changed_fields(
    policy: RoutingPolicy,
    facts: Facts,
    now: RouteResult,
    decide: Callable[[Facts], RouteResult],
    what_if: WhatIf | None,
) -> Iterator[Counterfactual]:
    rules: tuple[Rule[Any], ...] = (*policy.compiled.suppress.rules, *policy.compiled.rules.rules)
    compared = [compare for rule in rules for compare in comparisons(rule.when)]
    by_field: dict[str, list[Compare]] = {}
    for compare in (*compared, *(what_if.compared if what_if is not None else ())):
        by_field.setdefault(compare.field, []).append(compare)
    for name, compares in by_field.items():
        field = field_named(name)
        if field is None or name.startswith(_FIXED):
            continue
        fact = fact_of(name, facts)
        found: dict[object, tuple[Any, RouteResult]] = {}
        for value in candidate_values(field, compares, fact):
            score = what_if.with_fact(name, value) if what_if is not None else {}
            other = decide({**facts, **score, name: value})
            if other.place != now.place:
                found.setdefault(other.place, (value, other))
        for value, other in found.values():
            yield _counterfactual(name, (fact, value), other, describe_change(field, fact, value))


def _one_more(
    what_if: WhatIf, facts: Facts, now: RouteResult, decide: Callable[[Facts], RouteResult]
) -> Iterator[Counterfactual]:
    """Yield what one more activity or signal leads to: of each destination the type that gives least."""
    tried: tuple[tuple[str, Iterable[tuple[str, Facts]]], ...] = (
        (FactKeys.ACTIVITY_TYPE, what_if.with_activities()),
        (FactKeys.SIGNAL_TYPE, what_if.with_signals()),
    )
    for field, more in tried:
        found: set[object] = {now.place}
        for type_, changed in more:
            other = decide({**facts, **changed})
            if other.place not in found:
                found.add(other.place)
                words = f"one more {type_.replace('_', ' ')}"
                yield _counterfactual(field, (None, type_), other, words)


def _counterfactual(name: str, change: tuple[Any, Any], other: RouteResult, words: str) -> Counterfactual:
    goes = other.queue or f"suppressed ({other.rule})"
    if other.motion == "nurture":
        goes += " (nurture)"
    now, then = change
    return Counterfactual(name, as_json(now), as_json(then), other.rule, other.queue, f"with {words}: {goes}")

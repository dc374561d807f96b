"""Explains a table on given facts: what each rule came to, and which comparisons decided it.

Slower than the compiled function, and the definition of what that must give: on every input the two agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.lead.fields import default_of
from shared.rules.comparison import Truth, compare_fact
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Facts, Not, Rule, Use


@dataclass(frozen=True, slots=True)
class DecidingComparison:
    """A comparison that decided, what it came to, and the fact that it saw (`None`: missing)."""

    compare: Compare
    truth: Truth
    fact: Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition came to, and why: the comparisons that suffice for it.

    For unknown these are the unknown ones: the fields that would have to be known.
    """

    truth: Truth
    because: tuple[DecidingComparison, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What one rule of a table came to. `earlier`: it matches, but a rule before it was taken."""

    name: str
    verdict: Verdict
    earlier: bool = False


def fact_of(field: str, facts: Facts) -> Any:
    """Return a fact, or what the field is when nobody said."""
    fact = facts.get(field)
    return default_of(field) if fact is None else fact


def truth_of(condition: Condition, facts: Facts, at: datetime) -> Truth:
    """Return what a condition comes to; `at` is the present, for ages."""
    return evaluate(condition, facts, at).truth


def evaluate(condition: Condition, facts: Facts, at: datetime) -> Verdict:
    """Return what a condition comes to, and why."""
    match condition:
        case Compare():
            fact = fact_of(condition.field, facts)
            truth = compare_fact(condition, fact, at)
            return Verdict(truth, (DecidingComparison(condition, truth, fact),))
        case AllOf(parts):
            return _joined([evaluate(part, facts, at) for part in parts], decisive=False)
        case AnyOf(parts):
            return _joined([evaluate(part, facts, at) for part in parts], decisive=True)
        case Not(part):
            inner = evaluate(part, facts, at)
            return Verdict(None if inner.truth is None else not inner.truth, inner.because)
        case Use(_, meaning):
            return evaluate(meaning, facts, at)
    raise TypeError(f"not a condition: {condition!r}")


def _joined(verdicts: Sequence[Verdict], *, decisive: bool) -> Verdict:
    """Join the parts of `any` (true decides) or `all` (false decides)."""
    for verdict in verdicts:
        if verdict.truth is decisive:
            return verdict
    unknown = [verdict for verdict in verdicts if verdict.truth is None]
    truth = None if unknown else not decisive
    return Verdict(truth, tuple(why for verdict in unknown or verdicts for why in verdict.because))


def explain_first(rules: Iterable[Rule[Any]], facts: Facts, at: datetime) -> tuple[RuleVerdict, ...]:
    """Return what every rule of a first-match table came to."""
    explained: list[RuleVerdict] = []
    taken = False
    for rule in rules:
        verdict = evaluate(rule.when, facts, at)
        explained.append(RuleVerdict(rule.name, verdict, earlier=taken and verdict.truth is True))
        taken = taken or verdict.truth is True
    return tuple(explained)

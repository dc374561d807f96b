"""Evaluates conditions and tables with an explanation: the truth, and the comparisons that decided it.

This is the reference implementation; compiled functions (`compile`) are faster and return the same on every
input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from shared.lead.fields import default_of
from shared.rules.comparison import Truth, compare_fact
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Facts, Not, Rule, Use


class DecidingComparison(Struct, frozen=True):
    """A comparison that decided a condition, with its truth and its fact (`None`: missing)."""

    compare: Compare
    truth: Truth
    fact: Any


class Verdict(Struct, frozen=True):
    """The truth of a condition, and comparisons that suffice for it.

    When it is unknown these are the unknown comparisons, whose fields would have to be known.
    """

    truth: Truth
    because: tuple[DecidingComparison, ...] = ()


class RuleVerdict(Struct, frozen=True):
    """The verdict on one rule of a table. `earlier`: it matches, but a rule before it does too."""

    name: str
    verdict: Verdict
    earlier: bool = False


def fact_of(field: str, facts: Facts) -> Any:
    """Return a fact, or the default of its field when it is missing."""
    fact = facts.get(field)
    return default_of(field) if fact is None else fact


def evaluate(condition: Condition, facts: Facts, at: datetime) -> Verdict:
    """Return the verdict on a condition; `at` is the present, for ages."""
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


def failed_alternatives(condition: Condition, facts: Facts, at: datetime) -> Iterator[DecidingComparison]:
    """Yield what decided that alternatives do not hold, within the parts of a condition that are unknown."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                verdict = evaluate(part, facts, at)
                if verdict.truth is None:
                    yield from failed_alternatives(part, facts, at)
                elif verdict.truth is False:
                    yield from verdict.because
        case Use(_, meaning):
            yield from failed_alternatives(meaning, facts, at)


def holds_despite(
    condition: Condition, facts: Facts, at: datetime, is_doubted: Callable[[str], bool]
) -> Truth:
    """Return the truth of a condition if nothing were known of the doubted fields, not even their absence."""
    match condition:
        case Compare():
            if is_doubted(condition.field):
                return None
            return compare_fact(condition, fact_of(condition.field, facts), at)
        case AllOf(parts) | AnyOf(parts):
            truths = [holds_despite(part, facts, at, is_doubted) for part in parts]
            decisive = isinstance(condition, AnyOf)
            if decisive in truths:
                return decisive
            return None if None in truths else not decisive
        case Not(part):
            truth = holds_despite(part, facts, at, is_doubted)
            return None if truth is None else not truth
        case Use(_, meaning):
            return holds_despite(meaning, facts, at, is_doubted)
    raise TypeError(f"not a condition: {condition!r}")


def _joined(verdicts: Sequence[Verdict], *, decisive: bool) -> Verdict:
    """Return the verdict of `any` (`decisive` is true) or `all` (`decisive` is false) over its parts."""
    for verdict in verdicts:
        if verdict.truth is decisive:
            return verdict
    unknown = [verdict for verdict in verdicts if verdict.truth is None]
    truth = None if unknown else not decisive
    return Verdict(truth, tuple(decider for verdict in unknown or verdicts for decider in verdict.because))


def explain_first(rules: Iterable[Rule[Any]], facts: Facts, at: datetime) -> tuple[RuleVerdict, ...]:
    """Return the verdict on every rule of a first-match table."""
    explained: list[RuleVerdict] = []
    taken = False
    for rule in rules:
        verdict = evaluate(rule.when, facts, at)
        explained.append(RuleVerdict(rule.name, verdict, earlier=taken and verdict.truth is True))
        taken = taken or verdict.truth is True
    return tuple(explained)

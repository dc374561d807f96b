"""Evaluates one comparison: the coercion of its fact, the prepared value, and the truth.

This defines what a comparison means. The generated code (`inline`, `match_index`) is a second, faster
implementation; property tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from shared.lead.fields import Kind, field_named
from shared.rules.coercion import Coercion, coerce
from shared.rules.operators import OPERATORS, Operator
from shared.rules.syntax import Compare

Truth = bool | None
"""True, false, or unknown (`None`)."""

Comparator = Callable[[Any, datetime], Truth]
"""Returns the truth of a comparison, given the fact (`None`: missing) and the present."""


def coercion_of(compare: Compare) -> Coercion:
    """Return how the fact of a comparison is coerced."""
    field, operator = field_named(compare.field), OPERATORS[compare.op]
    if field is None or field.kind is Kind.OPEN:
        return operator.coercion_of_open(compare.value)
    if operator.folds and field.kind in {Kind.TEXT, Kind.COUNTRY}:
        return Coercion.FOLDED
    return Coercion.FOLDED_SET if operator.folds and field.kind is Kind.SET else Coercion.PLAIN


def comparand(compare: Compare) -> Any:
    """Return the prepared value of a comparison: case-folded text, a frozen set, a matcher, a timedelta."""
    field, operator, value = field_named(compare.field), OPERATORS[compare.op], compare.value
    # `parse_word` gives words the spelling of their field, so facts need not be folded.
    if operator.folds and (field is None or field.kind is not Kind.WORD):
        return operator.value.prepare(
            tuple(map(_folded, value)) if isinstance(value, tuple) else _folded(value)
        )
    return operator.value.prepare(value)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def deciding_operator(compare: Compare, coercion: Coercion) -> tuple[Operator, bool]:
    """Return the operator that is evaluated, and whether its result is negated.

    For `ne` that is `eq`, negated; where a fact has several values, `contains` instead of `eq`.
    """
    operator = OPERATORS[compare.op]
    negated = operator.negates is not None
    operator = OPERATORS[operator.negates or operator.op]
    if coercion is Coercion.OPEN_SET and operator.of_several is not None:
        operator = OPERATORS[operator.of_several]
    return operator, negated


def truth_when_missing(compare: Compare) -> Truth:
    """Return the truth of a comparison on a missing fact."""
    operator = OPERATORS[compare.op]
    if operator.on_missing is None:
        return None
    return operator.on_missing is (operator.negates is None)


def coerced_comparator(compare: Compare) -> Comparator:
    """Return the function that evaluates a comparison on a coerced fact."""
    operator, negated = deciding_operator(compare, coercion_of(compare))
    value, missing, holds = comparand(compare), truth_when_missing(compare), operator.holds

    def decide(fact: Any, at: datetime) -> Truth:
        return missing if fact is None else bool(holds(fact, value, at)) is not negated

    return decide


def comparator(compare: Compare) -> Comparator:
    """Return the function that coerces a fact and evaluates a comparison on it."""
    coercion, decide = coercion_of(compare), coerced_comparator(compare)
    return lambda fact, at: decide(coerce(coercion, fact), at)


_COMPARATORS_MAX = 4096
_comparators: dict[int, tuple[Compare, Comparator]] = {}
"""By the identity of the comparison, which is cheaper than to hash and compare it; each is held, so stays."""


def compare_fact(compare: Compare, fact: Any, at: datetime) -> Truth:
    """Return the truth of a comparison on a fact that is not coerced, and may be missing (`None`)."""
    found = _comparators.get(id(compare))
    if found is None:
        if len(_comparators) >= _COMPARATORS_MAX:
            _comparators.clear()
        found = _comparators[id(compare)] = compare, comparator(compare)
    return found[1](fact, at)

"""Writes a condition as one Python expression, for generated code.

The expression is two-valued: it computes whether the condition is true, or whether it is false. Negations are
pushed down to the comparisons (De Morgan), where both a comparison and its opposite are false on a missing
fact. So each comparison becomes a guarded Python one, and `all` and `any` become `and` and `or`, which stop
early.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.lead.fields import default_of
from shared.rules.code import Code
from shared.rules.comparison import coercion_of, comparand, deciding_operator, truth_when_missing
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use


def expression(code: Code, condition: Condition, *, holds: bool = True) -> str:
    """Return the expression for: the condition is true (or, without `holds`, false), not unknown."""
    match condition:
        case Compare():
            return _comparison(code, condition, holds=holds)
        case AllOf(parts):
            return _joined([expression(code, part, holds=holds) for part in parts], every=holds)
        case AnyOf(parts):
            return _joined([expression(code, part, holds=holds) for part in parts], every=not holds)
        case Not(part):
            return expression(code, part, holds=not holds)
        case Use(_, meaning):
            return expression(code, meaning, holds=holds)
    raise TypeError(f"not a condition: {condition!r}")


def is_known(code: Code, compare: Compare) -> str:
    """Return the expression for: the fact is not missing."""
    return f"{code.fact(compare.field, coercion_of(compare))} is not None"


def holds_of_known(code: Code, compare: Compare) -> str:
    """Return the expression for: the comparison holds, given that the fact is not missing."""
    coercion = coercion_of(compare)
    fact, value = code.fact(compare.field, coercion), comparand(compare)
    operator, negated = deciding_operator(compare, coercion)
    if operator.code is None:
        tested = f"{code.bind(operator.holds)}({fact}, {code.bind(value)}, at)"
    else:
        tested = operator.code(code.bind, fact, value, coercion)
    return f"not ({tested})" if negated else f"({tested})"


def _comparison(code: Code, compare: Compare, *, holds: bool) -> str:
    tested = holds_of_known(code, compare)
    if not holds:
        tested = f"not {tested}"
    if default_of(compare.field) is not None:  # never missing
        return f"({tested})"
    known = is_known(code, compare)
    if truth_when_missing(compare) is holds:
        return f"(not ({known}) or {tested})"
    return f"({known} and {tested})"


def _joined(parts: Sequence[str], *, every: bool) -> str:
    if not parts:
        return "True" if every else "False"
    return f"({(' and ' if every else ' or ').join(parts)})"

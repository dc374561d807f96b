"""Writes a condition as one Python expression, for generated code.

Three-valued logic costs nothing there. Whether a condition is *true* is asked of the tree with its negations
pushed down to the comparisons, where both a comparison and its opposite are false on a missing fact. So each
comparison becomes a guarded Python one, and `all` and `any` become `and` and `or`, which stop early.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.lead.fields import default_of
from shared.rules.code import Code
from shared.rules.coercion import Coercion, coercion_of, comparand
from shared.rules.syntax import PRESENCE, AllOf, AnyOf, Compare, Condition, Not, Op, Use

_OPPOSITE: Final = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.MISSING: Op.EXISTS}
"""Operators that are written as the negation of another."""
_OF_SOME: Final = {Op.EQ: Op.CONTAINS, Op.IN: Op.CONTAINS_ANY}
"""What equality is where a fact may have several values."""
_WORDS: Final = {
    Op.EQ: "{fact} == {value}",
    Op.IN: "{fact} in {value}",
    Op.GT: "{fact} > {value}",
    Op.GTE: "{fact} >= {value}",
    Op.LT: "{fact} < {value}",
    Op.LTE: "{fact} <= {value}",
    Op.CONTAINS: "{value} in {fact}",
    Op.CONTAINS_ANY: "not {value}.isdisjoint({fact})",
    Op.CONTAINS_ALL: "{value} <= {fact}",
    Op.STARTS_WITH: "{fact}.startswith({value})",
    Op.ENDS_WITH: "{fact}.endswith({value})",
    Op.MATCHES: "{value}({fact})",
}


def expression(code: Code, condition: Condition, *, holds: bool = True) -> str:
    """Return the expression for: the condition is surely true (or, without `holds`, surely false)."""
    match condition:
        case Compare():
            return _leaf(code, condition, holds=holds)
        case AllOf(parts):
            return _joined([expression(code, part, holds=holds) for part in parts], every=holds)
        case AnyOf(parts):
            return _joined([expression(code, part, holds=holds) for part in parts], every=not holds)
        case Not(part):
            return expression(code, part, holds=not holds)
        case Use(_, meaning):
            return expression(code, meaning, holds=holds)
    raise TypeError(f"not a condition: {condition!r}")


def known(code: Code, compare: Compare) -> str:
    """Return the expression for: there is a fact to compare."""
    return f"{code.fact(compare.field, coercion_of(compare))} is not None"


def test(code: Code, compare: Compare) -> str:
    """Return the expression for: the comparison, which does not ask for presence, holds of a known fact."""
    if compare.op in _OPPOSITE:
        return f"not ({_test(code, compare, _OPPOSITE[compare.op])})"
    return _test(code, compare, compare.op)


def _leaf(code: Code, compare: Compare, *, holds: bool) -> str:
    if compare.op in PRESENCE:
        present = known(code, compare)
        return f"({present})" if holds is (compare.op is Op.EXISTS) else f"(not ({present}))"
    tested = test(code, compare) if holds else f"not ({test(code, compare)})"
    never_missing = default_of(compare.field) is not None
    return f"({tested})" if never_missing else f"({known(code, compare)} and {tested})"


def _test(code: Code, compare: Compare, op: Op) -> str:
    coercion = coercion_of(compare)
    fact = code.fact(compare.field, coercion)
    ready = comparand(compare)
    if coercion is Coercion.OPEN_SET:
        op = _OF_SOME.get(op, op)
    if op is Op.BETWEEN:
        low, high = map(code.bind, ready)
        return f"{low} <= {fact} <= {high}"
    if op is Op.WITHIN:
        return f"{code.bind(timedelta())} <= at - {fact} <= {code.bind(ready)}"
    if op in {Op.CONTAINS_ANY, Op.CONTAINS_ALL} and coercion is Coercion.FOLDED:  # parts of a text
        return _joined(
            [f"{code.bind(part)} in {fact}" for part in sorted(ready)], every=op is Op.CONTAINS_ALL
        )
    return _WORDS[op].format(fact=fact, value=code.bind(ready))


def _joined(parts: Sequence[str], *, every: bool) -> str:
    if not parts:
        return "True" if every else "False"
    return f"({(' and ' if every else ' or ').join(parts)})"

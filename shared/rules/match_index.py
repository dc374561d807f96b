"""An index of a decision table: finds all rules that hold by one look-up for each field.

The conditions of a table are in disjunctive normal form (`dnf`); every conjunction of it, a term, is a bit of
an integer. The comparisons of one field divide its values into equivalence classes, within which none of them
changes. For each class the set of terms that are still possible there is worked out beforehand, by deciding
the comparisons for one value of the class. At run time a fact leads to its class, and the sets of the classes
of all fields, joined by `&`, are the terms that are true. So the cost does not depend on the number of rules.

How a fact leads to its class depends on the comparisons of the field:

    by value     equality: a dictionary of the constants; all other values are one class
    by order     order of numbers, prefixes of text: a binary search among the bounds
    by members   sets: which of the constants the fact contains
    by test      anything else: the comparison itself is evaluated
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

from shared.lead.fields import Kind, field_named
from shared.rules.code import Code
from shared.rules.coercion import Coercion
from shared.rules.comparison import Comparator, Truth, coerced_comparator, coercion_of, comparand
from shared.rules.dnf import Term
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.inline import holds_of_known, is_known
from shared.rules.memo import Memo
from shared.rules.operators import OPERATORS
from shared.rules.syntax import Compare
from shared.rules.values import FLAG

_DECLARED_COERCIONS: Final = {
    Kind.TEXT: Coercion.FOLDED,
    Kind.COUNTRY: Coercion.FOLDED,
    Kind.SET: Coercion.FOLDED_SET,
}
"""The coercion of a field with a type for its index, where it is not `PLAIN`."""

_OTHER_VALUE: Final = object()
"""A value that equals no constant."""


class _FieldIndex:
    """The comparisons on one coerced fact, and for each the terms that need it to be true or false."""

    def __init__(self, field: str, coercion: Coercion, all_terms: int) -> None:
        self.field = field
        self.coercion = coercion
        self.needs: dict[Compare, tuple[int, int]] = {}
        self._all_terms = all_terms
        self._decide: dict[Compare, Comparator] = {}

    def add(self, compare: Compare, term: int, *, holds: bool) -> None:
        """Record that a term (a bit) needs a comparison to be true, or to be false."""
        true, false = self.needs.get(compare, (0, 0))
        self.needs[compare] = (true | term, false) if holds else (true, false | term)
        self._decide.setdefault(compare, coerced_comparator(compare))

    def excluded(self, compare: Compare, truth: Truth) -> int:
        """Return the terms that a comparison with this truth makes untrue."""
        true, false = self.needs[compare]
        return (0 if truth is True else true) | (0 if truth is False else false)

    def excluded_by(self, compare: Compare, fact: Any) -> int:
        """Return the terms that one comparison makes untrue for that coerced fact."""
        return self.excluded(compare, self._decide[compare](fact, ARBITRARY_TIME))

    def possible(self, excluded: Iterable[int]) -> int:
        """Return the terms that remain when these are excluded."""
        return self._all_terms & ~reduce(or_, excluded, 0)

    def possible_for(self, fact: Any) -> int:
        """Return the terms that are possible for that coerced fact (`None`: missing)."""
        return self.possible(self.excluded_by(compare, fact) for compare in self.needs)

    def by_point(self, points: Callable[[Compare], Iterable[Any]]) -> Mapping[Any, Sequence[Compare]]:
        """Return the comparisons by the points that `points` gives for each: where its truth may change."""
        changing: dict[Any, list[Compare]] = {}
        for compare in self.needs:
            for point in points(compare):
                changing.setdefault(point, []).append(compare)
        return changing


def possible_terms(code: Code, terms: Sequence[Term]) -> None:
    """Add lines that compute `left`, the set of terms that are true: bit n is the n-th term."""
    all_terms = (1 << len(terms)) - 1
    indices: dict[Hashable, _FieldIndex] = {}
    for number, term in enumerate(terms):
        for compare, holds in term:
            coercion = index_coercion(compare)
            # A comparison that cannot be indexed is evaluated by itself.
            key: Hashable = compare if coercion is None else (compare.field, coercion)
            index = indices.get(key)
            if index is None:
                index = _FieldIndex(compare.field, coercion or coercion_of(compare), all_terms)
                indices[key] = index
            index.add(compare, 1 << number, holds=holds)
    code.add(f"left = {code.bind(all_terms)}")
    for key, index in indices.items():
        if isinstance(key, Compare):
            _by_test(code, index, key)
        elif index.coercion.is_set:
            _by_members(code, index)
        elif any(OPERATORS[compare.op].ordered for compare in index.needs):
            _by_order(code, index)
        else:
            _by_value(code, index)


def index_coercion(compare: Compare) -> Coercion | None:
    """Return how the fact is coerced for the index of its field; None where the comparison is not indexed."""
    declared = field_named(compare.field)
    if declared is None or declared.kind is Kind.OPEN:
        coercion = coercion_of(compare)
    elif declared.kind is Kind.TIME:
        return None
    else:
        coercion = _DECLARED_COERCIONS.get(declared.kind, Coercion.PLAIN)
    return coercion if coercion in OPERATORS[compare.op].index_coercions else None


def _by_value(code: Code, index: _FieldIndex) -> None:
    fact = code.fact(index.field, index.coercion)
    other = {compare: index.excluded_by(compare, _OTHER_VALUE) for compare in index.needs}
    classes = {None: index.possible_for(None)}
    for value, compares in index.by_point(_constants).items():
        excluded = other | {compare: index.excluded_by(compare, value) for compare in compares}
        classes[value] = index.possible(excluded.values())
    code.add(f"left &= {code.bind(classes.get)}({fact}, {code.bind(index.possible(other.values()))})")


def _by_order(code: Code, index: _FieldIndex) -> None:
    fact = code.fact(index.field, index.coercion)
    changing = index.by_point(
        lambda compare: (
            bound for value in _constants(compare) for bound in OPERATORS[compare.op].changes_at(value)
        )
    )
    bounds = sorted(changing)
    lowest = bounds[0] - 1 if isinstance(bounds[0], int) else ""
    excluded = {compare: index.excluded_by(compare, lowest) for compare in index.needs}
    classes = [index.possible(excluded.values())]
    for bound in bounds:
        excluded |= {compare: index.excluded_by(compare, bound) for compare in changing[bound]}
        classes.append(index.possible(excluded.values()))
    class_of_fact = f"{code.bind(classes)}[{code.bind(bisect_right)}({code.bind(bounds)}, {fact})]"
    code.add(f"left &= {code.bind(index.possible_for(None))} if {fact} is None else {class_of_fact}")


def _by_members(code: Code, index: _FieldIndex) -> None:
    folded = index.coercion is Coercion.OPEN_SET
    fact = code.fact(index.field, Coercion.OPEN_SET if folded else Coercion.PLAIN)
    bits = {text: 1 << number for number, text in enumerate(index.by_point(_constants))}
    classes = Memo[int, int](
        lambda seen: index.possible_for(frozenset(text for text, bit in bits.items() if seen & bit))
    )
    code.add(
        "seen = 0",
        f"if {fact} is None: left &= {code.bind(index.possible_for(None))}",
        "else:",
        f" for text in {fact}: seen |= {code.bind(bits.get)}(text{'' if folded else '.casefold()'}, 0)",
        f" left &= {code.bind(classes)}[seen]",
    )


def _by_test(code: Code, index: _FieldIndex, compare: Compare) -> None:
    missing = code.bind(index.possible_for(None))
    true, false = (code.bind(index.possible([index.excluded(compare, truth)])) for truth in (True, False))
    by_truth = f"({true} if {holds_of_known(code, compare)} else {false})"
    code.add(f"left &= {by_truth} if {is_known(code, compare)} else {missing}")


def _constants(compare: Compare) -> Iterable[Any]:
    """Return the constants of a comparison, coerced as facts are."""
    if OPERATORS[compare.op].value is FLAG:
        return ()
    prepared = comparand(compare)
    return prepared if isinstance(prepared, frozenset | tuple) else (prepared,)

"""Finds all rules of a table that hold at once: one look at each field, whatever the number of rules.

The terms of a table (`terms`) are the bits of an integer. What a table asks of one field divides what the
field may be into cells, in which no comparison of it turns; each cell has the set of terms that are still
possible there, found beforehand by asking the interpreter about one value of the cell. At run time a fact
leads to its cell, and the sets of all fields' cells, joined by `&`, are the terms that are true.

How a fact leads to its cell is the axis on which a comparison lies:

    value     equality: a dictionary of the values that are named; every other one is alike
    order     comparison of numbers, the beginning of a text: a search among the bounds
    members   a set: which of the named texts it has
    test      anything else: the comparison itself, true or false
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import or_
from typing import Any, Final

from shared.lead.fields import Kind, field_named
from shared.rules.code import Code
from shared.rules.coercion import Coercion, coercion_of, comparand
from shared.rules.dnf import Term
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.evaluate import Truth, compare_coerced
from shared.rules.inline import known, test
from shared.rules.memo import Memo
from shared.rules.syntax import EQUALITY, MEMBERSHIP, ORDER, PRESENCE, Compare, Op

_READ: Final = {
    Kind.TEXT: Coercion.FOLDED,
    Kind.COUNTRY: Coercion.FOLDED,
    Kind.SET: Coercion.FOLDED_SET,
}
"""How a field is read on its axis, where it is not plain."""
_ON_AXIS: Final[Mapping[Coercion, frozenset[Op]]] = {
    Coercion.PLAIN: EQUALITY | ORDER | PRESENCE,
    Coercion.FOLDED: EQUALITY | PRESENCE | {Op.STARTS_WITH},
    Coercion.FOLDED_SET: MEMBERSHIP | PRESENCE,
    Coercion.OPEN_INTEGER: EQUALITY | ORDER,
    Coercion.OPEN_BOOLEAN: EQUALITY,
    Coercion.OPEN_TEXT: frozenset({Op.STARTS_WITH}),
    Coercion.OPEN_SET: EQUALITY | MEMBERSHIP,
}
"""What has cells; every other comparison is an axis of its own."""
_SETS: Final = {Coercion.FOLDED_SET, Coercion.OPEN_SET}
_ANOTHER: Final = object()
"""A value that no policy names."""
_LAST_CHARACTER: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class _Axis:
    """Comparisons that one fact settles, and for each the terms that need it true and that need it false."""

    name: str
    coercion: Coercion
    all_terms: int
    needs: dict[Compare, tuple[int, int]] = field(default_factory=dict)

    def need(self, compare: Compare, term: int, *, holds: bool) -> None:
        true, false = self.needs.get(compare, (0, 0))
        self.needs[compare] = (true | term, false) if holds else (true, false | term)

    def settle(self, compare: Compare, truth: Truth) -> int:
        """Return the terms that are not true where the comparison comes to that."""
        true, false = self.needs[compare]
        return (0 if truth is True else true) | (0 if truth is False else false)

    def settle_at(self, compare: Compare, seen: Any) -> int:
        """Return the terms that are not true where the fact, as it is read, is that one."""
        return self.settle(compare, compare_coerced(compare, seen, ARBITRARY_TIME))

    def left(self, settled: Iterable[int]) -> int:
        """Return the terms that are still possible when those are not true."""
        return self.all_terms & ~reduce(or_, settled, 0)

    def left_at(self, seen: Any) -> int:
        return self.left(self.settle_at(compare, seen) for compare in self.needs)

    def turning(self, points: Callable[[Compare], Iterable[Any]]) -> Mapping[Any, Sequence[Compare]]:
        """Return the comparisons by the points at which they may turn."""
        turning: dict[Any, list[Compare]] = {}
        for compare in self.needs:
            for point in points(compare):
                turning.setdefault(point, []).append(compare)
        return turning


def possible_terms(code: Code, terms: Sequence[Term]) -> None:
    """Add lines that find which terms are true, and name the set `left`: bit n is the n-th term."""
    all_terms = (1 << len(terms)) - 1
    axes: dict[Hashable, _Axis] = {}
    for place, term in enumerate(terms):
        for compare, holds in term:
            coercion = _axis_coercion(compare)
            key: Hashable = compare if coercion is None else (compare.field, coercion)
            axis = axes.get(key)
            if axis is None:
                axis = axes[key] = _Axis(compare.field, coercion or coercion_of(compare), all_terms)
            axis.need(compare, 1 << place, holds=holds)
    code.add(f"left = {code.bind(all_terms)}")
    for key, axis in axes.items():
        _write(code, axis, alone=isinstance(key, Compare))


def _axis_coercion(compare: Compare) -> Coercion | None:
    """Return how the fact is read on the axis of a comparison; None where it is an axis of its own."""
    declared = field_named(compare.field)
    if declared is None or declared.kind is Kind.OPEN:
        coercion = coercion_of(compare)
    elif declared.kind is Kind.TIME:
        return None
    else:
        coercion = _READ.get(declared.kind, Coercion.PLAIN)
    return coercion if compare.op in _ON_AXIS.get(coercion, ()) else None


def _write(code: Code, axis: _Axis, *, alone: bool) -> None:
    if alone:
        _by_test(code, axis)
    elif axis.coercion in _SETS:
        _by_members(code, axis)
    elif any(compare.op in ORDER or compare.op is Op.STARTS_WITH for compare in axis.needs):
        _by_order(code, axis)
    else:
        _by_value(code, axis)


def _by_value(code: Code, axis: _Axis) -> None:
    fact = code.fact(axis.name, axis.coercion)
    elsewhere = {compare: axis.settle_at(compare, _ANOTHER) for compare in axis.needs}
    cells = {None: axis.left_at(None)}
    for value, compares in axis.turning(_constants).items():
        here = elsewhere | {compare: axis.settle_at(compare, value) for compare in compares}
        cells[value] = axis.left(here.values())
    code.add(f"left &= {code.bind(cells.get)}({fact}, {code.bind(axis.left(elsewhere.values()))})")


def _by_order(code: Code, axis: _Axis) -> None:
    fact = code.fact(axis.name, axis.coercion)
    turning = axis.turning(_bounds)
    bounds = sorted(turning)
    lowest = bounds[0] - 1 if isinstance(bounds[0], int) else ""
    here = {compare: axis.settle_at(compare, lowest) for compare in axis.needs}
    cells = [axis.left(here.values())]
    for bound in bounds:
        here |= {compare: axis.settle_at(compare, bound) for compare in turning[bound]}
        cells.append(axis.left(here.values()))
    cell = f"{code.bind(cells)}[{code.bind(bisect_right)}({code.bind(bounds)}, {fact})]"
    code.add(f"left &= {code.bind(axis.left_at(None))} if {fact} is None else {cell}")


def _constants(compare: Compare) -> Iterable[Any]:
    """Return the values that a comparison names, as facts are read."""
    if compare.op in PRESENCE:
        return ()
    ready = comparand(compare)
    return ready if isinstance(ready, frozenset | tuple) else (ready,)


def _bounds(compare: Compare) -> Iterator[Any]:
    """Yield the least values of the cells that a comparison makes: where it may turn."""
    for value in _constants(compare):
        yield value
        if isinstance(value, int):
            yield value + 1
        elif compare.op is not Op.STARTS_WITH:
            yield value + "\0"
        elif stem := value.rstrip(_LAST_CHARACTER):
            yield stem[:-1] + chr(ord(stem[-1]) + 1)


def _by_members(code: Code, axis: _Axis) -> None:
    folded = axis.coercion is Coercion.OPEN_SET
    fact = code.fact(axis.name, Coercion.OPEN_SET if folded else Coercion.PLAIN)
    bits = {text: 1 << place for place, text in enumerate(axis.turning(_constants))}
    cells = Memo(partial(_with_members, axis, bits))
    code.add(
        "seen = 0",
        f"if {fact} is None: left &= {code.bind(axis.left_at(None))}",
        "else:",
        f" for each in {fact}: seen |= {code.bind(bits.get)}(each{'' if folded else '.casefold()'}, 0)",
        f" left &= {code.bind(cells)}[seen]",
    )


def _with_members(axis: _Axis, bits: Mapping[str, int], seen: int) -> int:
    return axis.left_at(frozenset(text for text, bit in bits.items() if seen & bit))


def _by_test(code: Code, axis: _Axis) -> None:
    (compare,) = axis.needs
    there, missing = known(code, compare), code.bind(axis.left_at(None))
    if compare.op in PRESENCE:
        code.add(f"left &= {code.bind(axis.left_at(_ANOTHER))} if {there} else {missing}")
        return
    true, false = (code.bind(axis.left([axis.settle(compare, truth)])) for truth in (True, False))
    holds = f"{true} if {test(code, compare)} else {false}"
    code.add(f"left &= ({holds}) if {there} else {missing}")

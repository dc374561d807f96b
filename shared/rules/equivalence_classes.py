"""Divides the values of a field into finitely many equivalence classes that its comparisons tell apart.

`employees between [50, 999]` and `employees gte 1000` make four: below 50, 50 to 999, 1000 and more, missing.
One value represents each class, so that a question about all values becomes one about a few. A comparison
that no finite set of values settles (`starts_with`, `within`, sets) is a dimension of its own, with the
classes true, false and missing. That treats related comparisons as independent: it only adds possibilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared.lead.fields import Field, Kind, field_named
from shared.rules.coercion import Coercion
from shared.rules.comparison import coercion_of, compare_fact
from shared.rules.operators import OPERATORS
from shared.rules.syntax import Compare
from shared.rules.values import FLAG

ARBITRARY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The present, where no age is asked for."""

_UNEXCLUSIVE: Final = {Coercion.OPEN_TIME, Coercion.OPEN_SET}
_ANOTHER_TEXT: Final = "\x00another"
_SOMETHING: Final[dict[Kind, Any]] = {Kind.SET: (_ANOTHER_TEXT,), Kind.TIME: ARBITRARY_TIME}

Dimension = tuple[str, Coercion | None] | Compare
"""What varies by itself: a field (an open one under each coercion), or one comparison without cells."""


@dataclass(frozen=True, slots=True)
class EquivalenceClasses:
    """One value for each cell (`None`: missing), and which comparisons are true or false there."""

    dimension: Dimension
    values: tuple[Any, ...]


def dimension_of(compare: Compare) -> Dimension:
    """Return on which dimension a comparison lies."""
    field = field_named(compare.field)
    if field is None or field.kind not in OPERATORS[compare.op].class_kinds:
        return compare
    if field.kind is not Kind.OPEN:
        return (compare.field, None)
    coercion = coercion_of(compare)
    return compare if coercion in _UNEXCLUSIVE else (compare.field, coercion)


def equivalence_classes_of(dimension: Dimension, compares: Iterable[Compare]) -> EquivalenceClasses:
    """Return the cells of an dimension under the comparisons that lie on it."""
    if isinstance(dimension, Compare):
        field = field_named(dimension.field)
        never_missing = field is not None and field.default is not None
        return EquivalenceClasses(dimension, (True, False) if never_missing else (True, False, None))
    name, coercion = dimension
    field = field_named(name) or Field(name, Kind.OPEN)
    values = representatives(field, compares, open_coercion=coercion)
    return EquivalenceClasses(dimension, values if field.default is not None else (*values, None))


def truth_at(compare: Compare, dimension: Dimension, value: Any) -> bool | None:
    """Return what a comparison comes to in the cell for which `value` stands."""
    return value if dimension == compare else compare_fact(compare, value, ARBITRARY_TIME)


def representatives(
    field: Field,
    compares: Iterable[Compare],
    *,
    open_coercion: Coercion | None = None,
    low: int | None = None,
    high: int | None = None,
) -> tuple[Any, ...]:
    """Return one value for each cell of a field that is present; integers within `low` and `high`."""
    constants = [value for compare in compares for value in _constants(compare)]
    if field.kind is Kind.BOOLEAN or open_coercion is Coercion.OPEN_BOOLEAN:
        return (True, False)
    if field.kind is Kind.INTEGER or open_coercion is Coercion.OPEN_INTEGER:
        return _integers(constants, _most(field.low, low), _least(field.high, high))
    if field.kind is Kind.WORD:
        return field.words
    if field.kind in _SOMETHING:
        return (_SOMETHING[field.kind],)
    return (*dict.fromkeys(str(each).casefold() for each in constants), _ANOTHER_TEXT)


def _constants(compare: Compare) -> Sequence[Any]:
    if OPERATORS[compare.op].value is FLAG:
        return ()
    return compare.value if isinstance(compare.value, tuple) else (compare.value,)


def _integers(constants: Iterable[int], low: int | None, high: int | None) -> tuple[int, ...]:
    values = {near for each in constants for near in (each - 1, each, each + 1)}
    values |= {end for end in (low, high) if end is not None} or {0}
    inside = [each for each in values if (low is None or each >= low) and (high is None or each <= high)]
    return tuple(sorted(inside))


def _most(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)

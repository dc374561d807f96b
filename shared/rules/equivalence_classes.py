"""Divides the values of a field into finitely many equivalence classes that its comparisons tell apart.

`employees between [50, 999]` and `employees gte 1000` make four: below 50, 50 to 999, 1000 and more, missing.
One value represents each class, so that a few values stand for all. A comparison whose truth no finite set of
values represents (`starts_with`, `within`, sets) is a dimension of its own, with the classes true, false and
missing. Comparisons that depend on each other are then treated as independent, which only adds possibilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
"""The present, for comparisons that do not depend on it."""

_SEVERAL_VALUES: Final = {Coercion.OPEN_TIME, Coercion.OPEN_SET}
_ANOTHER_TEXT: Final = "\x00another"
_REPRESENTATIVE: Final[dict[Kind, Any]] = {Kind.SET: (_ANOTHER_TEXT,), Kind.TIME: ARBITRARY_TIME}

Dimension = tuple[str, Coercion | None] | Compare
"""What varies independently: a field (an open one under each coercion), or a comparison without classes."""


@dataclass(frozen=True, slots=True)
class EquivalenceClasses:
    """The classes of one dimension, each by a value that represents it (`None`: missing)."""

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
    return compare if coercion in _SEVERAL_VALUES else (compare.field, coercion)


def equivalence_classes_of(dimension: Dimension, compares: Iterable[Compare]) -> EquivalenceClasses:
    """Return the classes of a dimension under the comparisons that lie on it."""
    if isinstance(dimension, Compare):
        field = field_named(dimension.field)
        never_missing = field is not None and field.default is not None
        return EquivalenceClasses(dimension, (True, False) if never_missing else (True, False, None))
    name, coercion = dimension
    field = field_named(name) or Field(name, Kind.OPEN)
    values = representatives(field, compares, open_coercion=coercion)
    return EquivalenceClasses(dimension, values if field.default is not None else (*values, None))


def truth_at(compare: Compare, dimension: Dimension, value: Any) -> bool | None:
    """Return the truth of a comparison in the class that `value` represents."""
    return value if dimension == compare else compare_fact(compare, value, ARBITRARY_TIME)


def representatives(
    field: Field,
    compares: Iterable[Compare],
    *,
    open_coercion: Coercion | None = None,
    low: int | None = None,
    high: int | None = None,
) -> tuple[Any, ...]:
    """Return one value for each class in which the field has a value; integers within `low` and `high`."""
    constants = [value for compare in compares for value in _constants(compare)]
    if field.kind is Kind.BOOLEAN or open_coercion is Coercion.OPEN_BOOLEAN:
        return (True, False)
    if field.kind is Kind.INTEGER or open_coercion is Coercion.OPEN_INTEGER:
        return integers_near(constants, _tighter(max, field.low, low), _tighter(min, field.high, high))
    if field.kind is Kind.WORD:
        return field.words
    if field.kind in _REPRESENTATIVE:
        return (_REPRESENTATIVE[field.kind],)
    return (*dict.fromkeys(str(constant).casefold() for constant in constants), _ANOTHER_TEXT)


def integers_near(constants: Iterable[int], low: int | None, high: int | None) -> tuple[int, ...]:
    """Return the constants, their neighbours and the bounds, as far as they are from `low` to `high`."""
    values = {constant + step for constant in constants for step in (-1, 0, 1)}
    values |= {bound for bound in (low, high) if bound is not None} or {0}
    least = min(values) if low is None else low
    most = max(values) if high is None else high
    return tuple(sorted(value for value in values if least <= value <= most))


def _tighter(choose: Callable[..., int | None], *bounds: int | None) -> int | None:
    """Return the greatest lower or the least upper bound; None, no bound, counts for nothing."""
    return choose((bound for bound in bounds if bound is not None), default=None)


def _constants(compare: Compare) -> Sequence[Any]:
    if OPERATORS[compare.op].value is FLAG:
        return ()
    return compare.value if isinstance(compare.value, tuple) else (compare.value,)

"""The values that a field could have instead of its present one, for counterfactuals."""

from __future__ import annotations

from typing import Any, Final

from shared.lead.fields import FactKeys, Field, Kind
from shared.rules.describe import label_of, shown
from shared.rules.equivalence_classes import dimension_of, representatives
from shared.rules.operators import MEMBERSHIP, Op
from shared.rules.syntax import Compare


def candidate_values(field: Field, compares: list[Compare], now: Any) -> list[Any]:
    """Return one value of every equivalence class that the field could have instead, the nearest first."""
    if field.kind is Kind.SET:
        return _neighbouring_sets(compares, now)
    if field.kind is Kind.OPEN:
        equalities = [compare for compare in compares if compare.op in {Op.EQ, Op.IN}]
        return [value for compare in equalities for value in _compared_values(compare)]
    # A pattern or an age has no equivalence classes that could be enumerated.
    enumerable = [compare for compare in compares if not isinstance(dimension_of(compare), Compare)]
    texts = {_casefolded(value) for compare in enumerable for value in _compared_values(compare)}
    values = representatives(field, enumerable) if enumerable else ()
    others = [
        value for value in values if value != now and not (field.kind is Kind.TEXT and value not in texts)
    ]
    if field.kind is Kind.INTEGER:
        return sorted(others, key=lambda value: abs(value - (now or 0)))
    return others


def _compared_values(compare: Compare) -> tuple[Any, ...]:
    return compare.value if isinstance(compare.value, tuple) else (compare.value,)


def _casefolded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _neighbouring_sets(compares: list[Compare], now: Any) -> list[Any]:
    """Return the set with one more, or one less, of the values that conditions look for in it."""
    present = tuple(now or ())
    looked_for = {
        _casefolded(value)
        for compare in compares
        if compare.op in MEMBERSHIP
        for value in _compared_values(compare)
    }
    larger = [(*present, value) for value in sorted(looked_for - {value.casefold() for value in present})]
    smaller = [
        tuple(value for value in present if value.casefold() != removed) for removed in sorted(looked_for)
    ]
    return larger + [values for values in smaller if len(values) < len(present)]


def describe_change(field: Field, now: Any, then: Any) -> str:
    """Return the change of a field in words, like `300 more employees`."""
    label = label_of(field.name).removeprefix("company ")
    if field.kind is Kind.SET:
        before, after = {*(now or ())}, {*then}
        if after - before:
            return f"{shown(after - before)} in {label}"
        return f"no {shown(before - after)} in {label}"
    if field.name in _AMOUNTS and now is not None:
        difference = then - now
        return f"{abs(difference):,} {'more' if difference > 0 else 'fewer'} {label}"
    if field.name == FactKeys.SIGNALS_STRONG:
        return "a strong signal" if then else "no strong signal"
    return f"{label} {shown(then).upper() if field.kind is Kind.COUNTRY else shown(then)}"


_AMOUNTS: Final = frozenset(
    {"company.employees", "account.people", "account.high_intent_people", "account.medium_intent_people"}
)
"""Fields that count something: their change is described as a difference, that of others by the new value."""

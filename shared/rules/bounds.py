"""What is still possible while some fields are unknown: which verdicts, and which rule of a table.

Every outcome that some completion of the facts leads to is named; some that none leads to may be named too.
So whoever stops buying fields because one outcome is left is never wrong, at most late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.lead.fields import Field, Kind, field_named
from shared.rules.equivalence_classes import dimension_of, representatives
from shared.rules.evaluate import Truth, compared, fact_of
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Facts, Not, Rule, Use, comparisons


@dataclass(frozen=True, slots=True)
class PossibleValues:
    """What a field may turn out to be: any of `values`, an integer between the ends, or anything.

    With `missing` it may also stay unknown.
    """

    values: tuple[Any, ...] | None = None
    low: int | None = None
    high: int | None = None
    missing: bool = True


ANY_VALUE: Final = PossibleValues()

UnknownFields = Mapping[str, PossibleValues]
"""The fields that are not settled. A field that is in neither facts nor `UnknownFields` stays missing."""

_TRUE, _FALSE, _UNKNOWN = 1, 2, 4
_BIT: Final[dict[Truth, int]] = {True: _TRUE, False: _FALSE, None: _UNKNOWN}


def possible_verdicts(
    condition: Condition, facts: Facts, unsettled: UnknownFields, at: datetime
) -> frozenset[Truth]:
    """Return what a condition may come to."""
    bits = _Verdicts(facts, unsettled, at).of(condition)
    return frozenset(truth for truth, bit in _BIT.items() if bits & bit)


def possible_rules(
    rules: Sequence[Rule[Any]], facts: Facts, unsettled: UnknownFields, at: datetime
) -> frozenset[int | None]:
    """Return the indices of the rules of a first-match table that may be taken; `None`: that none is.

    Comparisons are bounded one by one; that loses how two of them on one field hang together. Therefore the
    table is looked at again for each case of each field, and what all looks agree on is kept.
    """
    conditions = dict(enumerate(rule.when for rule in rules))
    fields = {compare.field for condition in conditions.values() for compare in comparisons(condition)}
    verdicts = _Verdicts(facts, {name: each for name, each in unsettled.items() if name in fields}, at)
    reached = _reached(conditions, verdicts)
    for name, possible in verdicts.unsettled.items():
        # What was not reached so far is reached in no case either.
        conditions = {index: condition for index, condition in conditions.items() if index in reached}
        cases = _cases(name, possible, conditions.values())
        if len(reached) > 1 and cases is not None:
            reached &= frozenset().union(
                *(_reached(conditions, verdicts.settled(name, case)) for case in cases)
            )
    return reached


def _reached(conditions: Mapping[int, Condition], verdicts: _Verdicts) -> frozenset[int | None]:
    reached: set[int | None] = set()
    for index, condition in conditions.items():
        bits = verdicts.of(condition)
        if bits & _TRUE:
            reached.add(index)
        if bits == _TRUE:
            return frozenset(reached)
    return frozenset(reached | {None})


def _open(facts: Facts, unsettled: UnknownFields) -> UnknownFields:
    """Return what is really unknown: a fact that is there is settled."""
    return {name: each for name, each in unsettled.items() if facts.get(name) is None}


def _cases(name: str, possible: PossibleValues, conditions: Iterable[Condition]) -> Sequence[Any] | None:
    """Return values that stand for all that a field may be, or `None` when no finite set does."""
    field = field_named(name)
    on_field = [each for condition in conditions for each in comparisons(condition) if each.field == name]
    if field is None or field.kind is Kind.OPEN:
        return None
    if possible.values is None and any(isinstance(dimension_of(each), Compare) for each in on_field):
        return None
    present = _present(field, possible, on_field)
    return present if field.default is not None or not possible.missing else (*present, None)


def _present(field: Field, possible: PossibleValues, compares: Iterable[Compare]) -> tuple[Any, ...]:
    if possible.values is not None:
        return possible.values
    return representatives(field, compares, low=possible.low, high=possible.high)


class _Verdicts:
    """Bounds conditions on given facts; sets of truths are bits."""

    def __init__(self, facts: Facts, unsettled: UnknownFields, at: datetime) -> None:
        self.unsettled = _open(facts, unsettled)
        self._facts = facts
        self._at = at
        self._seen: dict[Compare, int] = {}

    def settled(self, field: str, fact: Any) -> _Verdicts:
        """Return the bounds where one field is known; what was found for the others is kept."""
        rest = {name: each for name, each in self.unsettled.items() if name != field}
        verdicts = _Verdicts({**self._facts, field: fact}, rest, self._at)
        verdicts._seen = {compare: bits for compare, bits in self._seen.items() if compare.field != field}
        return verdicts

    def of(self, condition: Condition) -> int:
        match condition:
            case Compare():
                bits = self._seen.get(condition)
                if bits is None:
                    bits = self._seen[condition] = self._leaf(condition)
                return bits
            case AllOf(parts):
                return _joined([self.of(part) for part in parts], winner=_FALSE, other=_TRUE)
            case AnyOf(parts):
                return _joined([self.of(part) for part in parts], winner=_TRUE, other=_FALSE)
            case Not(part):
                inner = self.of(part)
                swapped = (_FALSE if inner & _TRUE else 0) | (_TRUE if inner & _FALSE else 0)
                return swapped | inner & _UNKNOWN
            case Use(_, meaning):
                return self.of(meaning)
        raise TypeError(f"not a condition: {condition!r}")

    def _leaf(self, compare: Compare) -> int:
        possible = self.unsettled.get(compare.field)
        field = field_named(compare.field)
        if possible is None or field is None:
            return _BIT[compared(compare, fact_of(compare.field, self._facts), self._at)]
        bits = 0
        if field.default is None and (possible.missing or field.kind is Kind.OPEN):
            bits |= _BIT[compared(compare, None, self._at)]
        if possible.values is None and (
            field.kind is Kind.OPEN or isinstance(dimension_of(compare), Compare)
        ):
            return bits | _TRUE | _FALSE
        for value in _present(field, possible, [compare]):
            bits |= _BIT[compared(compare, value, self._at)]
        return bits


def _joined(parts: Sequence[int], *, winner: int, other: int) -> int:
    """Bound `all` (false wins) or `any` (true wins) over parts that vary independently."""
    bits = winner if any(part & winner for part in parts) else 0
    if all(part & other for part in parts):
        bits |= other
    if any(part & _UNKNOWN for part in parts) and all(part & (other | _UNKNOWN) for part in parts):
        bits |= _UNKNOWN
    return bits

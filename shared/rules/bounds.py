"""The outcomes that are possible while fields are unknown: truths of a condition, rules of a table.

The result contains every outcome that some completion of the facts leads to. It may also contain outcomes
that no completion leads to, because comparisons on different fields are treated as independent. So a caller
that stops buying fields when one outcome is left is never wrong, at most late.

The bounds of one table are computed thousands of times while a lead is enriched, so most of the work is done
beforehand: a `KnowledgeIndex` numbers the fields of a policy and interns what is known of each, and a
`TableBounds` caches its result by that interned knowledge. A cached result costs one tuple and one dictionary
look-up; no tree of a rule is walked or hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

from shared.lead.fields import Field, Kind, default_of, field_named
from shared.rules.comparison import Truth, comparator, compare_fact
from shared.rules.equivalence_classes import ARBITRARY_TIME, dimension_of, representatives
from shared.rules.memo import Memo
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Facts, Not, Use, comparisons

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PossibleValues:
    """The values that an unknown field may have: one of `values`, an integer from `low` to `high`, or any.

    With `missing` the field may also stay missing.
    """

    values: tuple[Any, ...] | None = None
    low: int | None = None
    high: int | None = None
    missing: bool = True


ANY_VALUE: Final = PossibleValues()

UnknownFields = Mapping[str, PossibleValues]
"""The fields that may still become known. A field that is neither in the facts nor here stays missing."""

_TRUE, _FALSE, _UNKNOWN = 1, 2, 4
_BIT: Final[dict[Truth, int]] = {True: _TRUE, False: _FALSE, None: _UNKNOWN}
_TRUTHS: Final = tuple(
    frozenset(truth for truth, bit in _BIT.items() if verdicts & bit) for verdicts in range(8)
)

Verdicts = int
"""A set of truths as bits: 1 true, 2 false, 4 unknown."""


class FieldKnowledge:
    """What is known of one field, in terms of the comparisons of one index.

    It is made only by a `KnowledgeIndex`, which returns the same object for the same knowledge, so it is
    compared and hashed by identity. `cases` holds the truths of the field's comparisons for each value that
    the field may have; with one case the field is settled. It is None when the values are not enumerated:
    then `possible` describes them.
    """

    __slots__ = ("cases", "field", "possible")

    def __init__(
        self, field: str, cases: tuple[tuple[Truth, ...], ...] | None, possible: PossibleValues = ANY_VALUE
    ) -> None:
        self.field = field
        self.cases = cases
        self.possible = possible


KnowledgeState = list[FieldKnowledge]
"""What is known of every field of an index, by its position there."""

_ByPosition = KnowledgeState | Mapping[int, FieldKnowledge]


class KnowledgeIndex:
    """Numbers the fields of some conditions, and interns what is known of them."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        by_field: dict[str, dict[Compare, None]] = {}
        for condition in conditions:
            for compare in comparisons(condition):
                by_field.setdefault(compare.field, {})[compare] = None
        self.comparisons: Mapping[str, tuple[Compare, ...]] = {
            field: tuple(compares) for field, compares in by_field.items()
        }
        self._comparators = {
            field: [comparator(compare) for compare in compares] for field, compares in by_field.items()
        }
        self.positions: Mapping[str, int] = {field: position for position, field in enumerate(by_field)}
        self._by_cases = Memo[tuple[str, tuple[tuple[Truth, ...], ...]], FieldKnowledge](
            lambda key: FieldKnowledge(*key)
        )
        self._by_range = Memo[tuple[str, PossibleValues], FieldKnowledge](
            lambda key: FieldKnowledge(key[0], None, key[1])
        )

    def state(self, facts: Facts, unknown: UnknownFields, at: datetime) -> KnowledgeState:
        """Return what is known of every field. A field with a fact is settled, even if it is in `unknown`."""
        return [
            self.known(field, facts.get(field), at)
            if facts.get(field) is not None or field not in unknown
            else self.unknown(field, unknown[field], at)
            for field in self.positions
        ]

    def known(self, field: str, fact: Any, at: datetime) -> FieldKnowledge:
        """Return the knowledge that a field has this value, or with `None` that it stays missing."""
        fact = default_of(field) if fact is None else fact
        return self._by_cases[field, (self._truths(field, fact, at),)]

    def known_by_truths(self, field: str, truths: Sequence[Truth]) -> FieldKnowledge:
        """Return the knowledge that a field's comparisons, ordered as in `comparisons`, have these truths."""
        return self._by_cases[field, (tuple(truths),)]

    def unknown(self, field: str, possible: PossibleValues, at: datetime) -> FieldKnowledge:
        """Return the knowledge that a field has one of several values."""
        declared = field_named(field)
        if declared is None:
            return self.known(field, None, at)
        if possible.values is None:
            return self._by_range[field, possible]
        cases = [self._truths(field, value, at) for value in possible.values]
        if declared.default is None and (possible.missing or declared.kind is Kind.OPEN):
            cases.append(self._truths(field, None, at))
        return self._by_cases[field, tuple(dict.fromkeys(cases))]

    def _truths(self, field: str, fact: Any, at: datetime) -> tuple[Truth, ...]:
        return tuple([compare(fact, at) for compare in self._comparators[field]])


_Evaluator = Callable[[Sequence[Verdicts]], Verdicts]
"""Returns the verdicts of a condition, given those of all comparisons of its table."""


class ConditionBounds:
    """Bounds one condition; made once for a condition that is bounded often."""

    def __init__(self, condition: Condition) -> None:
        self._index = KnowledgeIndex([condition])
        self._table = TableBounds([condition], self._index, lambda rules: rules)

    def possible(self, facts: Facts, unknown: UnknownFields, at: datetime) -> frozenset[Truth]:
        """Return the truths that the condition may have."""
        return self._table.verdicts(self._index.state(facts, unknown, at))


class TableBounds(Generic[T]):
    """Bounds a first-match table: called with a state, it returns `conclude` of the possible rules.

    `conclude` gets the indices of the rules that may match first, and None if perhaps no rule matches. It is
    pure, because its result is cached by what is known of the table's fields.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        index: KnowledgeIndex,
        conclude: Callable[[frozenset[int | None]], T],
    ) -> None:
        compares = dict.fromkeys(compare for condition in conditions for compare in comparisons(condition))
        fields = dict.fromkeys(compare.field for compare in compares)
        self._compares = {
            field: tuple(compare for compare in compares if compare.field == field) for field in fields
        }
        grouped = (compare for own in self._compares.values() for compare in own)
        slots = {compare: slot for slot, compare in enumerate(grouped)}
        self._rules = [_evaluator(condition, slots) for condition in conditions]
        self._in_index = {
            field: [index.comparisons[field].index(compare) for compare in own]
            for field, own in self._compares.items()
        }
        self._conclude = conclude
        self.positions = tuple(index.positions[field] for field in fields)
        self._select = selector(self.positions)
        self._local = Memo(self._project)
        self._concluded = Memo(self._bound)

    def __call__(self, state: _ByPosition) -> T:
        return self._concluded[self._select(state)]

    def verdicts(self, state: KnowledgeState) -> frozenset[Truth]:
        """Return the truths that the first condition may have."""
        slots = [bits for position in self.positions for bits in self._local[state[position]][0]]
        return _TRUTHS[self._rules[0](slots)]

    def _bound(self, known: tuple[FieldKnowledge, ...]) -> T:
        """Bound the table, then once more for each case of each field, and intersect the results.

        The first bound treats the comparisons of one field as independent; the cases of that field do not.
        """
        local = [self._local[knowledge] for knowledge in known]
        slots = [bits for union, _ in local for bits in union]
        reached = self._reached(slots)
        start = 0
        for union, cases in local:
            end = start + len(union)
            if len(reached) > 1 and len(cases) > 1:
                in_some_case: set[int | None] = set()
                for case in cases:
                    slots[start:end] = case
                    in_some_case |= self._reached(slots)
                slots[start:end] = union
                reached &= in_some_case
            start = end
        return self._conclude(reached)

    def _reached(self, slots: Sequence[Verdicts]) -> frozenset[int | None]:
        reached: list[int | None] = []
        for number, rule in enumerate(self._rules):
            verdicts = rule(slots)
            if verdicts & _TRUE:
                reached.append(number)
                if verdicts == _TRUE:
                    return frozenset(reached)
        return frozenset((*reached, None))

    def _project(self, knowledge: FieldKnowledge) -> tuple[tuple[Verdicts, ...], list[tuple[Verdicts, ...]]]:
        """Return the verdicts of this table's comparisons on a field, over all cases and for each case.

        There are no cases where no finite set of values represents all that the field may have.
        """
        own = self._compares[knowledge.field]
        if knowledge.cases is not None:
            in_index = self._in_index[knowledge.field]
            cases = [tuple([_BIT[truths[number]] for number in in_index]) for truths in knowledge.cases]
        elif all(_has_classes(compare) for compare in own):
            cases = _cases(knowledge, own)
        else:
            return tuple([_union(_cases(knowledge, [compare]))[0] for compare in own]), []
        cases = list(dict.fromkeys(cases))
        return _union(cases), cases


def selector(positions: Sequence[int]) -> Callable[[_ByPosition], tuple[FieldKnowledge, ...]]:
    """Return the function that gives these positions of a state as a tuple."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda state: tuple([state[position] for position in positions])


def _has_classes(compare: Compare) -> bool:
    field = field_named(compare.field)
    return field is not None and field.kind is not Kind.OPEN and dimension_of(compare) != compare


def _cases(knowledge: FieldKnowledge, compares: Sequence[Compare]) -> list[tuple[Verdicts, ...]]:
    """Return the verdicts of comparisons on an unsettled field for each case of its value."""
    field, possible = field_named(knowledge.field) or Field(knowledge.field, Kind.OPEN), knowledge.possible
    cases: list[tuple[Verdicts, ...]]
    if all(_has_classes(compare) for compare in compares):
        values = representatives(field, compares, low=possible.low, high=possible.high)
        cases = [_verdicts(compares, value) for value in values]
    else:
        cases = [(_TRUE,) * len(compares), (_FALSE,) * len(compares)]
    if field.default is None and (possible.missing or field.kind is Kind.OPEN):
        cases.append(_verdicts(compares, None))
    return cases


def _verdicts(compares: Iterable[Compare], fact: Any) -> tuple[Verdicts, ...]:
    return tuple([_BIT[compare_fact(compare, fact, ARBITRARY_TIME)] for compare in compares])


def _union(cases: Sequence[tuple[Verdicts, ...]]) -> tuple[Verdicts, ...]:
    union = list(cases[0])
    for case in cases[1:]:
        union = [one | other for one, other in zip(union, case, strict=True)]
    return tuple(union)


def _combine(one: Verdicts, other: Verdicts, *, decisive: bool) -> Verdicts:
    """Return the verdicts of `any` (true decides) or `all` (false decides) over two independent parts."""
    combined = 0
    for a in _TRUTHS[one]:
        for b in _TRUTHS[other]:
            combined |= _BIT[decisive if decisive in (a, b) else None if None in (a, b) else not decisive]
    return combined


_ALL: Final = tuple(tuple(_combine(one, other, decisive=False) for other in range(8)) for one in range(8))
_ANY: Final = tuple(tuple(_combine(one, other, decisive=True) for other in range(8)) for one in range(8))
_NOT: Final = tuple(
    (_FALSE if bits & _TRUE else 0) | (_TRUE if bits & _FALSE else 0) | bits & _UNKNOWN for bits in range(8)
)


def _evaluator(condition: Condition, slots: Mapping[Compare, int]) -> _Evaluator:
    """Return the function that bounds a condition; `slots` is the position of each comparison's verdicts."""
    match condition:
        case Compare():
            return itemgetter(slots[condition])
        case AllOf(parts):
            return _joined([_evaluator(part, slots) for part in parts], _ALL, _TRUE)
        case AnyOf(parts):
            return _joined([_evaluator(part, slots) for part in parts], _ANY, _FALSE)
        case Not(part):
            inner = _evaluator(part, slots)
            return lambda verdicts: _NOT[inner(verdicts)]
        case Use(_, meaning):
            return _evaluator(meaning, slots)
    raise TypeError(f"not a condition: {condition!r}")


def _joined(
    parts: Sequence[_Evaluator], combined: Sequence[Sequence[Verdicts]], empty: Verdicts
) -> _Evaluator:
    def bounded(verdicts: Sequence[Verdicts]) -> Verdicts:
        bits = empty
        for part in parts:
            bits = combined[bits][part(verdicts)]
        return bits

    return bounded

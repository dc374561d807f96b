"""Bounds: interned knowledge about fields, and the cached bounds of tables and conditions."""

from __future__ import annotations

import pytest

from shared.rules.bounds import (
    ANY_VALUE,
    ConditionBounds,
    KnowledgeIndex,
    PossibleValues,
    TableBounds,
    selector,
)
from shared.rules.operators import Op
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Not, Use
from tests.support.rules import AT, possible_verdicts

EMPLOYEES, INDUSTRY, ANSWER = "company.employees", "company.industry", "answers.size"
SMALL, LARGE = Compare(EMPLOYEES, Op.LT, 10), Compare(EMPLOYEES, Op.GTE, 100)
SOFTWARE = Compare(INDUSTRY, Op.EQ, "software")
PRESENT = PossibleValues(missing=False)


def test_fields_are_numbered_in_the_order_of_the_conditions() -> None:
    index = KnowledgeIndex([AnyOf((LARGE, SOFTWARE)), SMALL])
    assert index.positions == {EMPLOYEES: 0, INDUSTRY: 1}
    assert index.comparisons == {EMPLOYEES: (LARGE, SMALL), INDUSTRY: (SOFTWARE,)}


def test_facts_with_the_same_truths_are_the_same_knowledge() -> None:
    index = KnowledgeIndex([SMALL, LARGE])
    assert index.known(EMPLOYEES, 3, AT) is index.known(EMPLOYEES, 9, AT)
    assert index.known(EMPLOYEES, 3, AT) is not index.known(EMPLOYEES, 10, AT)
    assert index.known(EMPLOYEES, 3, AT) is index.known_by_truths(EMPLOYEES, [True, False])
    assert index.known(EMPLOYEES, None, AT) is index.known_by_truths(EMPLOYEES, [None, None])


def test_the_default_of_a_field_is_what_is_known_when_it_is_missing() -> None:
    target = Compare("account.relation", Op.EQ, "target")
    index = KnowledgeIndex([target])
    assert index.known(target.field, None, AT) is index.known(target.field, "none", AT)


def test_possible_values_are_one_case_for_each_set_of_truths() -> None:
    index = KnowledgeIndex([SMALL, LARGE])
    unknown = index.unknown(EMPLOYEES, PossibleValues(values=(1, 2, 500), missing=False), AT)
    assert unknown.cases == ((True, False), (False, True))
    assert unknown is index.unknown(EMPLOYEES, PossibleValues(values=(9, 100), missing=False), AT)
    with_missing = index.unknown(EMPLOYEES, PossibleValues(values=(1,)), AT)
    assert with_missing.cases == ((True, False), (None, None))


def test_an_open_range_is_kept_as_it_is() -> None:
    index = KnowledgeIndex([SMALL])
    unknown = index.unknown(EMPLOYEES, PossibleValues(low=5), AT)
    assert (unknown.cases, unknown.possible) == (None, PossibleValues(low=5))
    assert unknown is index.unknown(EMPLOYEES, PossibleValues(low=5), AT)


def test_a_field_that_is_not_declared_stays_missing() -> None:
    compare = Compare("no.such.field", Op.EQ, "x")
    index = KnowledgeIndex([compare])
    assert index.unknown(compare.field, ANY_VALUE, AT) is index.known(compare.field, None, AT)


def test_a_fact_settles_a_field_even_where_it_is_called_unknown() -> None:
    index = KnowledgeIndex([SMALL, SOFTWARE])
    state = index.state({EMPLOYEES: 5}, {EMPLOYEES: ANY_VALUE}, AT)
    assert state == [index.known(EMPLOYEES, 5, AT), index.known(INDUSTRY, None, AT)]
    other = index.state({EMPLOYEES: None}, {EMPLOYEES: ANY_VALUE, INDUSTRY: PRESENT}, AT)
    assert other == [index.unknown(EMPLOYEES, ANY_VALUE, AT), index.unknown(INDUSTRY, PRESENT, AT)]


@pytest.mark.parametrize(("positions", "expected"), [((), ()), ((1,), ("b",)), ((2, 0), ("c", "a"))])
def test_a_selector_gives_positions_as_a_tuple(positions: tuple[int, ...], expected: tuple[str, ...]) -> None:
    select = selector(positions)
    assert select(["a", "b", "c"]) == expected  # type: ignore[list-item, comparison-overlap]


def test_a_table_is_concluded_once_for_the_same_knowledge() -> None:
    calls: list[frozenset[int | None]] = []

    def conclude(reached: frozenset[int | None]) -> int:
        calls.append(reached)
        return len(calls)

    index = KnowledgeIndex([SMALL, LARGE, SOFTWARE])
    bounds = TableBounds([SMALL, LARGE], index, conclude)
    assert bounds.positions == (0,)
    assert [bounds(index.state({EMPLOYEES: size}, {}, AT)) for size in (1, 2, 500, 3)] == [1, 1, 2, 1]
    assert calls == [frozenset({0}), frozenset({1})]
    assert bounds(index.state({EMPLOYEES: 1, INDUSTRY: "x"}, {}, AT)) == 1, "its own fields only"


def test_a_table_without_conditions_needs_no_knowledge() -> None:
    index = KnowledgeIndex([ALWAYS])
    assert TableBounds([ALWAYS], index, lambda reached: reached)(index.state({}, {}, AT)) == {0}
    assert TableBounds([], index, lambda reached: reached)(index.state({}, {}, AT)) == {None}


@pytest.mark.parametrize(
    ("condition", "unknown", "truths"),
    [
        (SMALL, PRESENT, {True, False}),
        (SMALL, ANY_VALUE, {True, False, None}),
        (SMALL, PossibleValues(low=10, missing=False), {False}),
        (SMALL, PossibleValues(high=9, missing=False), {True}),
        (SMALL, PossibleValues(values=(3,)), {True, None}),
        (Not(SMALL), PossibleValues(values=(3,)), {False, None}),
        (AnyOf((SMALL, LARGE)), PossibleValues(values=(50,), missing=False), {False}),
        (Use("small", SMALL), PRESENT, {True, False}),
        (Compare(EMPLOYEES, Op.EXISTS, value=True), PRESENT, {True}),
        (Compare(EMPLOYEES, Op.EXISTS, value=True), ANY_VALUE, {True, False}),
        (ALWAYS, ANY_VALUE, {True}),
        (AnyOf(()), ANY_VALUE, {False}),
    ],
    ids=range(12),
)
def test_a_condition_has_these_possible_truths(
    condition: Condition, unknown: PossibleValues, truths: set[bool | None]
) -> None:
    bounds = ConditionBounds(condition)
    assert bounds.possible({}, {EMPLOYEES: unknown}, AT) == truths
    assert possible_verdicts(condition, {}, {EMPLOYEES: unknown}, AT) == truths


def test_a_condition_treats_its_comparisons_as_independent() -> None:
    """Its bounds are wider than necessary, but never too narrow; a table looks at each case of a field."""
    contradiction = AllOf((SMALL, LARGE))
    assert possible_verdicts(contradiction, {}, {EMPLOYEES: PRESENT}, AT) == {True, False}
    index = KnowledgeIndex([contradiction])
    reached = TableBounds([contradiction], index, lambda rules: rules)
    assert reached(index.state({}, {EMPLOYEES: PRESENT}, AT)) == {None}


def test_an_answer_may_be_of_any_type_and_missing() -> None:
    condition = Compare(ANSWER, Op.EQ, 5)
    assert possible_verdicts(condition, {}, {ANSWER: PRESENT}, AT) == {True, False, None}
    values = PossibleValues(values=("5", 5.0), missing=False)
    assert possible_verdicts(condition, {}, {ANSWER: values}, AT) == {True, None}
    assert possible_verdicts(condition, {}, {}, AT) == {None}


def test_comparisons_with_and_without_classes_stand_side_by_side() -> None:
    """`starts_with` has no classes, so nothing relates it to the equality beside it."""
    starts = Compare(INDUSTRY, Op.STARTS_WITH, "soft")
    both = AllOf((SOFTWARE, starts))
    assert possible_verdicts(both, {}, {INDUSTRY: PRESENT}, AT) == {True, False}
    assert possible_verdicts(AllOf((SOFTWARE, Not(starts))), {}, {INDUSTRY: PRESENT}, AT) >= {False}


def test_what_is_no_condition_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not a condition"):
        ConditionBounds(Condition())

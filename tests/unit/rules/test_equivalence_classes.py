"""Equivalence classes: one value for each part of a field that its comparisons distinguish."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lead.fields import Field, field_named
from shared.rules.coercion import Coercion
from shared.rules.comparison import compare_fact
from shared.rules.equivalence_classes import (
    ARBITRARY_TIME,
    Dimension,
    dimension_of,
    equivalence_classes_of,
    representatives,
    truth_at,
)
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.rules.times import Duration

EMPLOYEES, INDUSTRY, SPAM = "company.employees", "company.industry", "spam_score"
ANSWER = "answers.anything"


def declared(name: str) -> Field:
    """Return the declared field of a name."""
    field = field_named(name)
    assert field is not None
    return field


@pytest.mark.parametrize(
    ("compare", "dimension"),
    [
        (Compare(EMPLOYEES, Op.GTE, 5), (EMPLOYEES, None)),
        (Compare(INDUSTRY, Op.IN, ("a", "b")), (INDUSTRY, None)),
        (Compare(INDUSTRY, Op.EXISTS, value=True), (INDUSTRY, None)),
        (Compare(ANSWER, Op.EQ, 5), (ANSWER, Coercion.OPEN_INTEGER)),
        (Compare(ANSWER, Op.EQ, value=True), (ANSWER, Coercion.OPEN_BOOLEAN)),
        (Compare(ANSWER, Op.EXISTS, value=True), (ANSWER, Coercion.OPEN_PRESENT)),
    ],
)
def test_comparisons_of_one_field_and_coercion_share_a_dimension(
    compare: Compare, dimension: Dimension
) -> None:
    assert dimension_of(compare) == dimension


@pytest.mark.parametrize(
    "compare",
    [
        Compare(INDUSTRY, Op.STARTS_WITH, "a"),
        Compare(INDUSTRY, Op.MATCHES, "a"),
        Compare("company.technologies", Op.CONTAINS, "a"),
        Compare("company.last_funding_at", Op.WITHIN, Duration(60)),
        Compare("company.last_funding_at", Op.GT, ARBITRARY_TIME),
        Compare(ANSWER, Op.EQ, "text"),
        Compare(ANSWER, Op.GT, ARBITRARY_TIME),
        Compare("no.such.field", Op.EQ, "x"),
    ],
    ids=str,
)
def test_a_comparison_without_classes_is_a_dimension_of_its_own(compare: Compare) -> None:
    assert dimension_of(compare) == compare
    classes = equivalence_classes_of(compare, [compare])
    assert classes.values == (True, False, None)
    assert [truth_at(compare, compare, value) for value in classes.values] == [True, False, None]


def test_a_field_with_a_default_is_never_missing() -> None:
    types = Compare("signals.types", Op.CONTAINS, "news")
    assert equivalence_classes_of(dimension_of(types), [types]).values == (True, False)
    low = Compare(SPAM, Op.LT, 50)
    assert None not in equivalence_classes_of(dimension_of(low), [low]).values
    small = Compare(EMPLOYEES, Op.LT, 50)
    assert equivalence_classes_of(dimension_of(small), [small]).values[-1] is None


@pytest.mark.parametrize(
    ("name", "compares", "bounds", "values"),
    [
        (EMPLOYEES, [], {}, (0,)),
        (EMPLOYEES, [Compare(EMPLOYEES, Op.GTE, 10)], {}, (0, 9, 10, 11)),
        (EMPLOYEES, [Compare(EMPLOYEES, Op.GTE, 0)], {}, (0, 1)),
        (EMPLOYEES, [Compare(EMPLOYEES, Op.BETWEEN, (5, 9))], {}, (0, 4, 5, 6, 8, 9, 10)),
        (EMPLOYEES, [Compare(EMPLOYEES, Op.GTE, 10)], {"low": 10}, (10, 11)),
        (EMPLOYEES, [Compare(EMPLOYEES, Op.GTE, 10)], {"high": 9}, (0, 9)),
        (EMPLOYEES, [Compare(EMPLOYEES, Op.GTE, 10)], {"low": 20, "high": 30}, (20, 30)),
        (SPAM, [Compare(SPAM, Op.GT, 100)], {}, (0, 99, 100)),
        (SPAM, [Compare(SPAM, Op.GT, 50)], {"low": 60, "high": 1_000}, (60, 100)),
        (INDUSTRY, [Compare(INDUSTRY, Op.IN, ("A", "b", "B"))], {}, ("a", "b", "\0another")),
        ("account.market_validated", [], {}, (True, False)),
        ("company.technologies", [], {}, (("\0another",),)),
        ("company.last_funding_at", [], {}, (ARBITRARY_TIME,)),
    ],
)
def test_values_represent_the_classes_of_a_field(
    name: str, compares: list[Compare], bounds: dict[str, Any], values: tuple[Any, ...]
) -> None:
    assert representatives(declared(name), compares, **bounds) == values


def test_the_words_of_a_field_are_its_classes() -> None:
    field = declared("person.seniority")
    assert representatives(field, [Compare(field.name, Op.EQ, "vp")]) == field.words


@pytest.mark.parametrize(
    ("coercion", "constant", "values"),
    [
        (Coercion.OPEN_BOOLEAN, True, (True, False)),
        (Coercion.OPEN_INTEGER, 5, (0, 4, 5, 6)),
        (Coercion.OPEN_TEXT, "Five", ("five", "\0another")),
    ],
)
def test_the_classes_of_a_field_without_a_type_follow_its_coercion(
    coercion: Coercion, constant: Any, values: tuple[Any, ...]
) -> None:
    compares = [Compare(ANSWER, Op.EQ, constant)]
    found = representatives(declared(ANSWER), compares, open_coercion=coercion)
    assert set(values) - {0} <= set(found)


_orders = st.builds(
    Compare,
    st.just(EMPLOYEES),
    st.sampled_from((Op.EQ, Op.NE, Op.GT, Op.GTE, Op.LT, Op.LTE)),
    st.integers(0, 20),
)


@given(st.lists(_orders, min_size=1, max_size=4), st.integers(0, 25))
def test_every_integer_behaves_like_one_of_the_representatives(compares: list[Compare], fact: int) -> None:
    def truths(value: int) -> tuple[bool | None, ...]:
        return tuple(compare_fact(compare, value, ARBITRARY_TIME) for compare in compares)

    assert truths(fact) in {truths(value) for value in representatives(declared(EMPLOYEES), compares)}


@given(st.lists(_orders, min_size=1, max_size=4), st.integers(0, 25), st.integers(0, 25))
def test_representatives_keep_within_the_bounds(compares: list[Compare], one: int, other: int) -> None:
    low, high = sorted((one, other))
    values = representatives(declared(EMPLOYEES), compares, low=low, high=high)
    assert values == tuple(sorted(set(values)))
    assert {low, high} <= set(values)
    assert all(low <= value <= high for value in values)

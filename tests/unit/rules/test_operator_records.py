"""The records of operators: what each takes, negates, changes at, and how its code and sentence read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lead.fields import Kind
from shared.rules.coercion import Coercion
from shared.rules.document import Scalar
from shared.rules.findings import SourcePosition
from shared.rules.operators import (
    EQUALITY,
    MEMBERSHIP,
    OPERATORS,
    Op,
    operator_schemas,
    operators_of,
    opposite_of,
)
from shared.rules.times import Duration

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEGATIONS = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.MISSING: Op.EXISTS}


def test_every_operator_has_a_record_in_the_order_of_the_enumeration() -> None:
    assert list(OPERATORS) == list(Op)
    assert all(operator.op is op for op, operator in OPERATORS.items())


def test_a_negation_is_the_copy_of_what_it_negates() -> None:
    for op, base in NEGATIONS.items():
        assert OPERATORS[op].negates is base
        assert OPERATORS[op].holds is OPERATORS[base].holds
        assert OPERATORS[op].kinds == OPERATORS[base].kinds
        assert opposite_of(op) is base
        assert opposite_of(base) is op
    assert {op for op in Op if OPERATORS[op].negates} == set(NEGATIONS)


@pytest.mark.parametrize("op", sorted(set(Op) - set(NEGATIONS) - set(NEGATIONS.values())))
def test_the_other_operators_have_no_opposite(op: Op) -> None:
    with pytest.raises(KeyError):
        opposite_of(op)


@pytest.mark.parametrize(
    ("kind", "operators"),
    [
        (Kind.TEXT, "eq ne in not_in contains contains_any contains_all starts_with ends_with matches exists missing"),
        (Kind.WORD, "eq ne in not_in exists missing"),
        (Kind.COUNTRY, "eq ne in not_in exists missing"),
        (Kind.INTEGER, "eq ne in not_in gt gte lt lte between exists missing"),
        (Kind.BOOLEAN, "eq ne exists missing"),
        (Kind.SET, "contains contains_any contains_all exists missing"),
        (Kind.TIME, "gt gte lt lte between exists missing within"),
        (Kind.OPEN, " ".join(Op)),
    ],
)  # fmt: skip
def test_a_field_has_these_operators(kind: Kind, operators: str) -> None:
    assert " ".join(operators_of(kind)) == operators


def test_the_groups_of_operators() -> None:
    assert {Op.EQ, Op.NE, Op.IN, Op.NOT_IN} == EQUALITY
    assert {Op.CONTAINS, Op.CONTAINS_ANY, Op.CONTAINS_ALL} == MEMBERSHIP


@pytest.mark.parametrize(
    ("op", "value", "coercion"),
    [
        (Op.EQ, "a", Coercion.OPEN_SET),
        (Op.EQ, 5, Coercion.OPEN_INTEGER),
        (Op.EQ, True, Coercion.OPEN_BOOLEAN),
        (Op.NE, False, Coercion.OPEN_BOOLEAN),
        (Op.IN, ("a", "b"), Coercion.OPEN_SET),
        (Op.NOT_IN, (1, 2), Coercion.OPEN_INTEGER),
        (Op.GT, NOON, Coercion.OPEN_TIME),
        (Op.BETWEEN, (NOON, NOON), Coercion.OPEN_TIME),
        (Op.LT, 5, Coercion.OPEN_INTEGER),
        (Op.CONTAINS, "a", Coercion.OPEN_TEXT_OR_SET),
        (Op.CONTAINS_ANY, ("a",), Coercion.OPEN_SET),
        (Op.MATCHES, "a", Coercion.OPEN_RAW_TEXT),
        (Op.ENDS_WITH, "a", Coercion.OPEN_TEXT),
        (Op.EXISTS, True, Coercion.OPEN_PRESENT),
        (Op.WITHIN, Duration(5), Coercion.OPEN_TIME),
    ],
)
def test_a_fact_without_a_type_is_coerced_by_operator_and_value(
    op: Op, value: Any, coercion: Coercion
) -> None:
    assert OPERATORS[op].coercion_of_open(value) is coercion


@pytest.mark.parametrize(
    ("op", "value", "kind"),
    [
        (Op.EQ, "a", Kind.TEXT),
        (Op.EQ, 5, Kind.INTEGER),
        (Op.EQ, True, Kind.BOOLEAN),
        (Op.GT, 5, Kind.INTEGER),
        (Op.GT, "2026-03-01", Kind.TIME),
        (Op.CONTAINS, "a", Kind.TEXT),
        (Op.STARTS_WITH, 5, Kind.TEXT),
    ],
)
def test_a_value_for_a_field_without_a_type_is_parsed_as(op: Op, value: Any, kind: Kind) -> None:
    assert OPERATORS[op].open_kind(Scalar(value, str(value), SourcePosition(1, 1))) is kind


@pytest.mark.parametrize(
    ("op", "constant", "points"),
    [
        (Op.EQ, 5, (5, 6)),
        (Op.GTE, 5, (5, 6)),
        (Op.EQ, "a", ("a", "a\0")),
        (Op.STARTS_WITH, "ab", ("ab", "ac")),
        (Op.STARTS_WITH, "a\U0010ffff", ("a\U0010ffff", "b")),
        (Op.STARTS_WITH, "\U0010ffff", ("\U0010ffff",)),
        (Op.CONTAINS, "a", ()),
        (Op.WITHIN, "a", ()),
    ],
)
def test_the_truth_changes_at_these_values(op: Op, constant: Any, points: tuple[Any, ...]) -> None:
    assert tuple(OPERATORS[op].changes_at(constant)) == points


@given(
    st.sampled_from((Op.EQ, Op.GT, Op.GTE, Op.LT, Op.LTE)),
    st.integers(-5, 5),
    st.integers(-9, 9),
    st.integers(-9, 9),
)
def test_the_truth_is_constant_between_these_values(op: Op, constant: int, one: int, other: int) -> None:
    operator = OPERATORS[op]
    low, high = sorted((one, other))
    if not any(low < point <= high for point in operator.changes_at(constant)):
        assert operator.holds(low, constant, NOON) is operator.holds(high, constant, NOON)


def test_a_schema_is_a_copy_for_each_operator() -> None:
    schemas = operator_schemas()
    assert set(schemas) == set(Op)
    schemas["eq"]["type"] = "changed"
    assert operator_schemas()["eq"] == {"type": ["string", "integer", "boolean"]}
    assert operator_schemas()["between"]["minItems"] == operator_schemas()["between"]["maxItems"] == 2
    assert operator_schemas()["exists"] == {"type": "boolean"}
    assert operator_schemas()["within"]["pattern"].startswith("^[0-9]")


@pytest.mark.parametrize(
    ("op", "coercion", "prepared", "code"),
    [
        (Op.EQ, Coercion.PLAIN, 5, "v0 == c0"),
        (Op.BETWEEN, Coercion.PLAIN, (5, 9), "c0 <= v0 <= c1"),
        (Op.CONTAINS, Coercion.FOLDED, "a", "c0 in v0"),
        (Op.CONTAINS_ANY, Coercion.FOLDED, frozenset("ab"), "c0 in v0 or c1 in v0"),
        (Op.CONTAINS_ALL, Coercion.FOLDED, frozenset("ab"), "c0 in v0 and c1 in v0"),
        (Op.CONTAINS_ANY, Coercion.FOLDED_SET, frozenset("ab"), "not c0.isdisjoint(v0)"),
        (Op.CONTAINS_ALL, Coercion.OPEN_SET, frozenset("ab"), "c0 <= v0"),
        (Op.WITHIN, Coercion.PLAIN, Duration(5).timedelta, "c0 <= at - v0 <= c1"),
        (Op.EXISTS, Coercion.PLAIN, True, "True"),
    ],
)
def test_the_code_of_a_comparison_names_its_values(
    op: Op, coercion: Coercion, prepared: Any, code: str
) -> None:
    bound: list[Any] = []

    def bind(value: Any) -> str:
        bound.append(value)
        return f"c{len(bound) - 1}"

    write = OPERATORS[op].code
    assert write is not None
    assert write(bind, "v0", prepared, coercion) == code


@pytest.mark.parametrize("op", Op)
def test_every_operator_has_a_sentence_for_both_truths(op: Op) -> None:
    positive, negative = OPERATORS[op].sentences
    names = {"label": "industry", "fact": "a", "value": "b", "low": "1", "high": "2"}
    assert positive.format(**names) != negative.format(**names)
    assert positive.format(**names).startswith("industry")
    assert negative.format(**names).startswith("industry")

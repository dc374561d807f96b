"""One comparison: how its fact is coerced, its value prepared, and its truth on every kind of fact."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.rules.coercion import Coercion
from shared.rules.comparison import (
    coerced_comparator,
    coercion_of,
    comparand,
    comparator,
    compare_fact,
    deciding_operator,
    truth_when_missing,
)
from shared.rules.match_index import index_coercion
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.rules.times import Duration
from tests.support.rules import AT

EMPLOYEES, INDUSTRY, TOOLS = "company.employees", "company.industry", "company.technologies"
FUNDED, ANSWER, COUNTRY, SENIORITY = (
    "company.last_funding_at",
    "answers.anything",
    "company.country",
    "person.seniority",
)


@pytest.mark.parametrize(
    ("compare", "coercion", "indexed"),
    [
        (Compare(EMPLOYEES, Op.GTE, 5), Coercion.PLAIN, Coercion.PLAIN),
        (Compare(EMPLOYEES, Op.EXISTS, value=True), Coercion.PLAIN, Coercion.PLAIN),
        (Compare(INDUSTRY, Op.EQ, "a"), Coercion.FOLDED, Coercion.FOLDED),
        (Compare(INDUSTRY, Op.STARTS_WITH, "a"), Coercion.FOLDED, Coercion.FOLDED),
        (Compare(INDUSTRY, Op.ENDS_WITH, "a"), Coercion.FOLDED, None),
        (Compare(INDUSTRY, Op.MATCHES, "a"), Coercion.PLAIN, None),
        (Compare(INDUSTRY, Op.EXISTS, value=True), Coercion.PLAIN, Coercion.FOLDED),
        (Compare(COUNTRY, Op.IN, ("US",)), Coercion.FOLDED, Coercion.FOLDED),
        (Compare(SENIORITY, Op.EQ, "vp"), Coercion.PLAIN, Coercion.PLAIN),
        (Compare(TOOLS, Op.CONTAINS, "a"), Coercion.FOLDED_SET, Coercion.FOLDED_SET),
        (Compare(TOOLS, Op.MISSING, value=True), Coercion.PLAIN, Coercion.FOLDED_SET),
        (Compare(FUNDED, Op.WITHIN, Duration(60)), Coercion.PLAIN, None),
        (Compare(FUNDED, Op.EXISTS, value=True), Coercion.PLAIN, None),
        (Compare(ANSWER, Op.EQ, "a"), Coercion.OPEN_SET, Coercion.OPEN_SET),
        (Compare(ANSWER, Op.EQ, 5), Coercion.OPEN_INTEGER, Coercion.OPEN_INTEGER),
        (Compare(ANSWER, Op.IN, (5, 6)), Coercion.OPEN_INTEGER, Coercion.OPEN_INTEGER),
        (Compare(ANSWER, Op.EQ, value=True), Coercion.OPEN_BOOLEAN, Coercion.OPEN_BOOLEAN),
        (Compare(ANSWER, Op.GT, AT), Coercion.OPEN_TIME, None),
        (Compare(ANSWER, Op.BETWEEN, (AT, AT)), Coercion.OPEN_TIME, None),
        (Compare(ANSWER, Op.CONTAINS, "a"), Coercion.OPEN_TEXT_OR_SET, None),
        (Compare(ANSWER, Op.CONTAINS_ALL, ("a",)), Coercion.OPEN_SET, Coercion.OPEN_SET),
        (Compare(ANSWER, Op.STARTS_WITH, "a"), Coercion.OPEN_TEXT, Coercion.OPEN_TEXT),
        (Compare(ANSWER, Op.MATCHES, "a"), Coercion.OPEN_RAW_TEXT, None),
        (Compare(ANSWER, Op.WITHIN, Duration(60)), Coercion.OPEN_TIME, None),
        (Compare(ANSWER, Op.EXISTS, value=True), Coercion.OPEN_PRESENT, None),
        (Compare("no.such.field", Op.EQ, 5), Coercion.OPEN_INTEGER, Coercion.OPEN_INTEGER),
    ],
    ids=lambda part: f"{part.field}-{part.op.value}" if isinstance(part, Compare) else None,
)
def test_the_field_and_the_value_determine_the_coercion(
    compare: Compare, coercion: Coercion, indexed: Coercion | None
) -> None:
    """The second column is for an evaluation, the third for the index of a table."""
    assert coercion_of(compare) is coercion
    assert index_coercion(compare) is indexed


@pytest.mark.parametrize(
    ("compare", "prepared"),
    [
        (Compare(EMPLOYEES, Op.EQ, 5), 5),
        (Compare(EMPLOYEES, Op.IN, (5, 6, 5)), frozenset({5, 6})),
        (Compare(EMPLOYEES, Op.BETWEEN, (5, 9)), (5, 9)),
        (Compare(INDUSTRY, Op.EQ, "Straße"), "strasse"),
        (Compare(INDUSTRY, Op.IN, ("A", "a", "B")), frozenset({"a", "b"})),
        (Compare(COUNTRY, Op.EQ, "US"), "us"),
        (Compare(SENIORITY, Op.IN, ("vp",)), frozenset({"vp"})),
        (Compare(FUNDED, Op.WITHIN, Duration(60)), timedelta(minutes=1)),
        (Compare(FUNDED, Op.GT, AT), AT),
        (Compare(ANSWER, Op.CONTAINS_ANY, ("A",)), frozenset({"a"})),
        (Compare(EMPLOYEES, Op.EXISTS, value=True), True),
    ],
)
def test_a_value_is_prepared_for_its_operator(compare: Compare, prepared: Any) -> None:
    assert comparand(compare) == prepared
    assert type(comparand(compare)) is type(prepared)


@pytest.mark.parametrize(
    ("compare", "op", "negated"),
    [
        (Compare(EMPLOYEES, Op.EQ, 5), Op.EQ, False),
        (Compare(EMPLOYEES, Op.NE, 5), Op.EQ, True),
        (Compare(EMPLOYEES, Op.NOT_IN, (5,)), Op.IN, True),
        (Compare(EMPLOYEES, Op.MISSING, value=True), Op.EXISTS, True),
        (Compare(ANSWER, Op.EQ, "a"), Op.CONTAINS, False),
        (Compare(ANSWER, Op.NE, "a"), Op.CONTAINS, True),
        (Compare(ANSWER, Op.NOT_IN, ("a",)), Op.CONTAINS_ANY, True),
        (Compare(ANSWER, Op.EQ, 5), Op.EQ, False),
        (Compare(TOOLS, Op.CONTAINS_ALL, ("a",)), Op.CONTAINS_ALL, False),
    ],
)
def test_a_negation_is_evaluated_by_the_operator_that_it_negates(
    compare: Compare, op: Op, negated: bool
) -> None:
    operator, is_negated = deciding_operator(compare, coercion_of(compare))
    assert (operator.op, is_negated) == (op, negated)


@pytest.mark.parametrize("op", [op for op in Op if op not in {Op.EXISTS, Op.MISSING}])
def test_a_comparison_on_a_missing_fact_is_unknown(op: Op) -> None:
    assert truth_when_missing(Compare(EMPLOYEES, op, 5)) is None


def test_presence_is_never_unknown() -> None:
    assert truth_when_missing(Compare(EMPLOYEES, Op.EXISTS, value=True)) is False
    assert truth_when_missing(Compare(EMPLOYEES, Op.MISSING, value=True)) is True


@pytest.mark.parametrize(
    ("compare", "fact", "truth"),
    [
        (Compare(EMPLOYEES, Op.NE, 5), 5, False),
        (Compare(EMPLOYEES, Op.NE, 5), 6, True),
        (Compare(EMPLOYEES, Op.GT, 5), 5, False),
        (Compare(EMPLOYEES, Op.GT, 5), 6, True),
        (Compare(EMPLOYEES, Op.GTE, 5), 5, True),
        (Compare(EMPLOYEES, Op.GTE, 5), 4, False),
        (Compare(EMPLOYEES, Op.LT, 5), 5, False),
        (Compare(EMPLOYEES, Op.LT, 5), 4, True),
        (Compare(EMPLOYEES, Op.LTE, 5), 5, True),
        (Compare(EMPLOYEES, Op.LTE, 5), 6, False),
        (Compare(EMPLOYEES, Op.BETWEEN, (5, 9)), 4, False),
        (Compare(EMPLOYEES, Op.BETWEEN, (5, 9)), 5, True),
        (Compare(EMPLOYEES, Op.BETWEEN, (5, 9)), 9, True),
        (Compare(EMPLOYEES, Op.BETWEEN, (5, 9)), 10, False),
        (Compare(EMPLOYEES, Op.IN, (5, 9)), 7, False),
        (Compare(EMPLOYEES, Op.NOT_IN, (5, 9)), 7, True),
        (Compare(INDUSTRY, Op.EQ, "SOFT"), "soft", True),
        (Compare(INDUSTRY, Op.CONTAINS, "of"), "Software", True),
        (Compare(INDUSTRY, Op.CONTAINS_ANY, ("x", "OF")), "Software", True),
        (Compare(INDUSTRY, Op.CONTAINS_ALL, ("x", "of")), "Software", False),
        (Compare(INDUSTRY, Op.STARTS_WITH, "ware"), "Software", False),
        (Compare(INDUSTRY, Op.ENDS_WITH, "WARE"), "Software", True),
        (Compare(TOOLS, Op.CONTAINS, "hub"), ["HubSpot"], False),
        (Compare(TOOLS, Op.CONTAINS, "hubspot"), ["HubSpot"], True),
        (Compare(TOOLS, Op.CONTAINS_ALL, ("A", "b")), ("a", "B", "c"), True),
        (Compare(TOOLS, Op.CONTAINS, "a"), [], False),
        (Compare(FUNDED, Op.WITHIN, Duration(60)), AT - timedelta(seconds=60), True),
        (Compare(FUNDED, Op.WITHIN, Duration(60)), AT - timedelta(seconds=61), False),
        (Compare(FUNDED, Op.WITHIN, Duration(60)), AT + timedelta(seconds=1), False),
        (Compare(FUNDED, Op.GT, AT), AT, False),
        (Compare(ANSWER, Op.EQ, "x"), ["X", "y"], True),
        (Compare(ANSWER, Op.NE, "x"), ["X", "y"], False),
        (Compare(ANSWER, Op.CONTAINS, "x"), "a x b", True),
        (Compare(ANSWER, Op.CONTAINS, "x"), ["a x b"], False),
        (Compare(ANSWER, Op.GTE, 5), "five", None),
        (Compare(ANSWER, Op.EXISTS, value=True), "", False),
        (Compare(ANSWER, Op.MISSING, value=True), [], True),
        (Compare(ANSWER, Op.EXISTS, value=True), 0, True),
    ],
)
def test_a_comparison_has_this_truth(compare: Compare, fact: Any, truth: bool | None) -> None:
    assert compare_fact(compare, fact, AT) is truth
    assert comparator(compare)(fact, AT) is truth
    assert comparator(compare)(None, AT) is truth_when_missing(compare)
    assert coerced_comparator(compare)(None, AT) is truth_when_missing(compare)

"""The syntax tree: equality of comparisons, iteration, and the canonical form for hashes and diffs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from shared.rules.document import read_document
from shared.rules.findings import FindingReport
from shared.rules.operators import Op
from shared.rules.syntax import (
    ALWAYS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Not,
    Rule,
    Use,
    canonical,
    comparisons,
)
from shared.rules.times import Duration, parse_duration
from tests.support.rules import conditions

A, B, C = (Compare(f"answers.{name}", Op.EQ, 1) for name in "abc")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Compare("a", Op.EQ, 1), Compare("a", Op.EQ, value=True)),
        (Compare("a", Op.EQ, 0), Compare("a", Op.EQ, value=False)),
        (Compare("a", Op.IN, (1, 2)), Compare("a", Op.IN, (True, 2))),
        (Compare("a", Op.IN, (1, 2)), Compare("a", Op.IN, (2, 1))),
        (Compare("a", Op.EQ, 1), Compare("b", Op.EQ, 1)),
        (Compare("a", Op.EQ, 1), Compare("a", Op.NE, 1)),
        (Compare("a", Op.EQ, "1"), Compare("a", Op.EQ, 1)),
        (Compare("a", Op.EQ, 1), 1),
    ],
)
def test_comparisons_differ_by_field_operator_value_and_its_type(one: Compare, other: object) -> None:
    assert one != other


def test_equal_comparisons_have_one_hash() -> None:
    assert Compare("a", Op.IN, (1, 2)) == Compare("a", Op.IN, (1, 2))
    assert len({Compare("a", Op.EQ, 1), Compare("a", Op.EQ, 1), Compare("a", Op.EQ, value=True)}) == 2


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (A, [A]),
        (ALWAYS, []),
        (AllOf((A, AnyOf((B, Not(C))), A)), [A, B, C, A]),
        (Use("name", Not(AllOf((B, A)))), [B, A]),
        (Condition(), []),
    ],
)
def test_comparisons_are_found_in_the_order_of_the_file(condition: Condition, found: list[Compare]) -> None:
    assert list(comparisons(condition)) == found


@pytest.mark.parametrize(
    ("condition", "plain"),
    [
        (Compare("a", Op.GTE, 5), {"field": "a", "gte": 5}),
        (Compare("a", Op.IN, ("x", "y")), {"field": "a", "in": ["x", "y"]}),
        (Compare("a", Op.GT, NOON), {"field": "a", "gt": "2026-03-01T12:00:00+00:00"}),
        (Compare("a", Op.BETWEEN, (NOON, NOON)), {"field": "a", "between": [NOON.isoformat()] * 2}),
        (
            Compare("a", Op.WITHIN, Duration(86_400)),
            {"field": "a", "within": {"seconds": 86_400, "business": False}},
        ),
        (AllOf((A, Not(B))), {"all": [canonical(A), {"not": canonical(B)}]}),
        (AnyOf((A,)), {"any": [canonical(A)]}),
        (Use("name", A), {"use": "name"}),
        (ALWAYS, {"all": []}),
    ],
)
def test_the_canonical_form_is_that_of_a_file(condition: Condition, plain: Any) -> None:
    assert canonical(condition) == plain


def test_the_canonical_form_of_a_foreign_node_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not a condition"):
        canonical(Condition())


@given(conditions(), conditions())
def test_equal_canonical_forms_mean_equal_conditions(one: Condition, other: Condition) -> None:
    """Except for conditions that are used: there the name counts, not the meaning."""
    names = [part for part in (one, other) if "Use(" in repr(part)]
    if not names:
        assert (canonical(one) == canonical(other)) is (one == other) or _mixes_numbers(one, other)


def _mixes_numbers(one: Condition, other: Condition) -> bool:
    """Return whether the conditions compare 1 with True, which are equal in plain data."""
    values = [compare.value for part in (one, other) for compare in comparisons(part)]
    return {bool, int} <= {type(value) for value in values}


def test_an_always_true_rule_is_one_without_a_condition() -> None:
    rule = Rule("rest", ALWAYS, "sdr")
    assert (rule.name, rule.when, rule.outcome) == ("rest", AllOf(()), "sdr")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1s"), (60, "1m"), (90, "90s"), (3_600, "1h"), (5_400, "90m"), (86_400, "1d"), (90_000, "25h")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: int, text: str) -> None:
    assert str(Duration(seconds)) == text
    assert str(Duration(seconds, business=True)) == f"{text} business"
    assert parse_duration(text) == Duration(seconds)
    assert Duration(seconds).timedelta == timedelta(seconds=seconds)


def test_a_document_without_values_is_null() -> None:
    report = FindingReport("x.yaml")
    node = read_document("# nothing but a comment\n", report)
    assert node is not None
    assert getattr(node, "value", "set") is None
    assert not report.findings

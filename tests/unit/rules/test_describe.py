"""Comparisons as sentences, and rules as they are explained to people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.rules.describe import condition_words, sentence, sentences, shown
from shared.rules.evaluate import DecidingComparison, evaluate, explain_first
from shared.rules.explained import as_json, explained
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Rule, Use
from shared.rules.times import Duration
from tests.support.rules import AT

EMPLOYEES, INDUSTRY, FUNDED = "company.employees", "company.industry", "company.last_funding_at"
FUNDED_AT = datetime(2026, 1, 5, tzinfo=UTC)


def said(compare: Compare, fact: Any) -> str:
    """Return the sentence about a comparison on a fact."""
    (deciding,) = evaluate(compare, {compare.field: fact}, AT).because
    return sentence(deciding)


@pytest.mark.parametrize(
    ("field", "op", "value", "fact", "expected"),
    [
        (EMPLOYEES, Op.EQ, 5, 5, "company employees is 5"),
        (EMPLOYEES, Op.EQ, 5, 6, "company employees is 6, not 5"),
        (EMPLOYEES, Op.NE, 5, 6, "company employees is 6, not 5"),
        (EMPLOYEES, Op.NE, 5, 5, "company employees is 5"),
        (EMPLOYEES, Op.IN, (5, 6), 5, "company employees is 5, one of 5, 6"),
        (EMPLOYEES, Op.NOT_IN, (5, 6), 7, "company employees is 7, not one of 5, 6"),
        (EMPLOYEES, Op.GT, 1_000, 2_000, "company employees is 2,000, more than 1,000"),
        (EMPLOYEES, Op.GTE, 20, 420, "company employees is 420, at least 20"),
        (EMPLOYEES, Op.LT, 20, 420, "company employees is 420, not less than 20"),
        (EMPLOYEES, Op.LTE, 20, 4, "company employees is 4, at most 20"),
        (EMPLOYEES, Op.BETWEEN, (50, 999), 60, "company employees is 60, within 50 to 999"),
        (EMPLOYEES, Op.BETWEEN, (50, 999), 6, "company employees is 6, not within 50 to 999"),
        (EMPLOYEES, Op.GTE, 20, None, "company employees is not known"),
        (EMPLOYEES, Op.EXISTS, True, 5, "company employees is known"),
        (EMPLOYEES, Op.EXISTS, True, None, "company employees is not known"),
        (EMPLOYEES, Op.MISSING, True, None, "company employees is not known"),
        (EMPLOYEES, Op.MISSING, True, 5, "company employees is known"),
        (INDUSTRY, Op.CONTAINS, "soft", "Software", "company industry contains soft"),
        (INDUSTRY, Op.CONTAINS, "x", "Software", "company industry does not contain x"),
        (INDUSTRY, Op.CONTAINS_ANY, ("a", "b"), "ab", "company industry contains one of a, b"),
        (INDUSTRY, Op.CONTAINS_ALL, ("a", "b"), "ab", "company industry contains all of a, b"),
        (INDUSTRY, Op.STARTS_WITH, "soft", "Software", "company industry starts with soft"),
        (INDUSTRY, Op.ENDS_WITH, "ware", "Software", "company industry ends with ware"),
        (INDUSTRY, Op.MATCHES, "^s", "Software", "company industry matches ^s"),
        (FUNDED, Op.WITHIN, Duration(86_400), AT, "company last funding at (2026-03-01) is within 1d"),
        (
            FUNDED,
            Op.WITHIN,
            Duration(86_400),
            FUNDED_AT,
            "company last funding at (2026-01-05) is not within 1d",
        ),
        ("account.market_validated", Op.EQ, True, False, "account market validated is no, not yes"),
    ],
)
def test_a_comparison_is_said_in_a_sentence(field: str, op: Op, value: Any, fact: Any, expected: str) -> None:
    assert said(Compare(field, op, value), fact) == expected


LARGE = Compare(EMPLOYEES, Op.GTE, 1_000)
ACTIVE = Compare("owner.active", Op.EQ, value=True)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (LARGE, "company employees at least 1,000"),
        (Compare(EMPLOYEES, Op.EQ, 5), "company employees is 5"),
        (Compare(EMPLOYEES, Op.NE, 5), "company employees not 5"),
        (Compare(EMPLOYEES, Op.NOT_IN, (5, 6)), "company employees not one of 5, 6"),
        (Compare(EMPLOYEES, Op.BETWEEN, (50, 999)), "company employees within 50 to 999"),
        (Compare(INDUSTRY, Op.CONTAINS, "soft"), "company industry contains soft"),
        (Compare(FUNDED, Op.WITHIN, Duration(86_400)), "company last funding at is within 1d"),
        (Compare(FUNDED, Op.EXISTS, value=True), "company last funding at is known"),
        (Compare(FUNDED, Op.EXISTS, value=False), "company last funding at is not known"),
        (Compare(FUNDED, Op.MISSING, value=True), "company last funding at is not known"),
        (Compare(FUNDED, Op.MISSING, value=False), "company last funding at is known"),
        (ACTIVE, "owner active"),
        (Compare("owner.active", Op.EQ, value=False), "not owner active"),
        (Compare("owner.active", Op.NE, value=True), "not owner active"),
        (Use("high_intent", LARGE), "high intent"),
        (Not(Use("high_intent", LARGE)), "not high intent"),
        (Not(AnyOf((LARGE, ACTIVE))), "not (company employees at least 1,000 or owner active)"),
        (AllOf((LARGE, AnyOf((ACTIVE,)))), "company employees at least 1,000 and owner active"),
        (
            AllOf((ACTIVE, AnyOf((LARGE, Use("partner", LARGE))))),
            "owner active and (company employees at least 1,000 or partner)",
        ),
        (AllOf(()), "always"),
        (AnyOf(()), "never"),
    ],
)
def test_a_condition_is_said_in_words(condition: Condition, expected: str) -> None:
    assert condition_words(condition) == expected


def test_a_condition_names_fields_as_its_reader_knows_them() -> None:
    condition = AllOf((Not(LARGE), AnyOf((ACTIVE, LARGE))))
    assert condition_words(condition, lambda field: field.partition(".")[2]) == (
        "not employees at least 1,000 and (active or employees at least 1,000)"
    )


def test_long_values_are_shortened() -> None:
    assert shown("x" * 81) == "x" * 79 + "…"
    assert shown("x" * 80) == "x" * 80
    assert shown(tuple(range(8))) == "0, 1, 2, 3, 4, 5 or 2 more"
    assert shown(tuple(range(6))) == "0, 1, 2, 3, 4, 5"
    assert shown(frozenset({"b", "a"})) == "a, b"
    assert shown(" two\nlines ") == "two lines"


def test_a_sentence_is_said_once() -> None:
    deciding = DecidingComparison(Compare(EMPLOYEES, Op.EQ, 5), truth=True, fact=5)
    assert sentences([deciding, deciding]) == ("company employees is 5",)


def test_a_table_is_explained_rule_by_rule() -> None:
    """A rule matched, did not match, was undecided, or came after the one that was taken."""
    rules = [
        Rule("small", Compare(EMPLOYEES, Op.LT, 10), 0),
        Rule("funded", Compare(FUNDED, Op.EXISTS, value=True), 1),
        Rule("industry", Compare(INDUSTRY, Op.EQ, "software"), 2),
        Rule("large", Compare(EMPLOYEES, Op.GT, 10), 3),
        Rule("either", AnyOf((Compare(EMPLOYEES, Op.GT, 20), Compare(INDUSTRY, Op.EQ, "x"))), 4),
    ]
    told = [explained(verdict) for verdict in explain_first(rules, {EMPLOYEES: 420}, AT)]
    assert [(rule.rule, rule.verdict) for rule in told] == [
        ("small", "no_match"),
        ("funded", "no_match"),
        ("industry", "unknown_field"),
        ("large", "matched"),
        ("either", "earlier_match"),
    ]
    (why,) = told[0].because
    assert (why.field, why.operator, why.value, why.saw, why.holds) == (EMPLOYEES, "lt", 10, 420, False)
    assert why.says == "company employees is 420, not less than 10"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (5, 5),
        (True, True),
        ("a", "a"),
        (frozenset({"b", "a"}), ["a", "b"]),
        (("b", "a"), ["b", "a"]),
        (FUNDED_AT, "2026-01-05T00:00:00+00:00"),
        (Duration(3_600), "1h"),
    ],
)
def test_facts_and_values_become_json(value: Any, expected: Any) -> None:
    assert as_json(value) == expected

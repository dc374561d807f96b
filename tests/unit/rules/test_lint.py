"""Lint of tables: the exact findings, and the conditions that are left unreported."""

from __future__ import annotations

import pytest

from shared.rules.findings import Path
from shared.rules.lint import LintCode, LintFinding, contradictions, lint_first_match, lint_overlaps
from shared.rules.operators import Op
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Not, Rule, Use

EMPLOYEES = "company.employees"
BIG, SMALL, TINY = (
    Compare(EMPLOYEES, Op.GTE, 100),
    Compare(EMPLOYEES, Op.LT, 100),
    Compare(EMPLOYEES, Op.LT, 10),
)
IMPOSSIBLE = AllOf((BIG, SMALL))
SOFTWARE = Compare("company.industry", Op.EQ, "software")
TOO_LARGE = AllOf(
    tuple(
        AnyOf((Compare(f"answers.a{number}", Op.EQ, 1), Compare(f"answers.b{number}", Op.EQ, 1)))
        for number in range(9)
    )
)


def table(*rules: tuple[Condition, str]) -> list[Rule[str]]:
    """Return rules r0, r1, … of conditions and outcomes."""
    return [Rule(f"r{number}", when, outcome) for number, (when, outcome) in enumerate(rules)]


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        (BIG, []),
        (ALWAYS, []),
        (Compare(EMPLOYEES, Op.LT, 0), [()]),
        (IMPOSSIBLE, [()]),
        (AnyOf((BIG, IMPOSSIBLE)), [("any", 1)]),
        (AllOf((SOFTWARE, AnyOf((IMPOSSIBLE, IMPOSSIBLE)))), [("all", 1, "any", 0), ("all", 1, "any", 1)]),
        (Not(IMPOSSIBLE), [("not",)]),
        (Not(AllOf((BIG,))), []),
        (AllOf((Use("impossible", IMPOSSIBLE), SOFTWARE)), [()]),
        (AnyOf((Use("impossible", IMPOSSIBLE), SOFTWARE)), []),
        (AnyOf(()), []),
        (TOO_LARGE, []),
        (AllOf((TOO_LARGE, IMPOSSIBLE)), [("all", 1)]),
    ],
    ids=range(13),
)
def test_the_innermost_contradictions_are_found(condition: Condition, paths: list[Path]) -> None:
    assert contradictions(condition) == paths


def test_a_rule_that_an_earlier_one_covers_is_dead() -> None:
    assert lint_first_match(table((SMALL, "a"), (SOFTWARE, "b"), (TINY, "c"))) == [
        LintFinding(LintCode.DEAD, 2, "r2 never applies: r0 comes first and covers it")
    ]


def test_a_rule_that_earlier_ones_cover_together_is_dead() -> None:
    known = Compare(EMPLOYEES, Op.EXISTS, value=True)
    assert lint_first_match(table((BIG, "a"), (SMALL, "b"), (known, "c"))) == [
        LintFinding(LintCode.DEAD, 2, "r2 never applies: the rules before it cover it together")
    ]


def test_a_missing_fact_keeps_a_fallback_alive() -> None:
    assert lint_first_match(table((BIG, "a"), (SMALL, "b"), (ALWAYS, "c")), needs_fallback=True) == []


@pytest.mark.parametrize(
    "rules",
    [
        table((TINY, "a"), (SMALL, "b")),
        table((IMPOSSIBLE, "a"), (BIG, "b")),
        table((TOO_LARGE, "a"), (TOO_LARGE, "b")),
        table((BIG, "a"), (IMPOSSIBLE, "b")),
        table(),
    ],
    ids=["wider", "impossible before", "too large", "impossible itself", "empty"],
)
def test_these_tables_have_no_dead_rules(rules: list[Rule[str]]) -> None:
    assert lint_first_match(rules) == []


@pytest.mark.parametrize(
    ("rules", "findings"),
    [
        (table((BIG, "a"), (ALWAYS, "b")), []),
        (
            table((ALWAYS, "a"), (BIG, "b")),
            [
                LintFinding(LintCode.DEAD, 1, "r1 never applies: r0 comes first and covers it"),
                LintFinding(
                    LintCode.EARLY_FALLBACK,
                    0,
                    "r0 has no condition, so nothing after it applies; it goes last",
                ),
                LintFinding(LintCode.NO_FALLBACK, 1, "the last rule should have no condition"),
            ],
        ),
        (table((BIG, "a")), [LintFinding(LintCode.NO_FALLBACK, 0, "the last rule should have no condition")]),
        (table(), [LintFinding(LintCode.NO_FALLBACK, 0, "the last rule should have no condition")]),
    ],
    ids=["last", "first", "none", "empty"],
)
def test_a_fallback_is_the_last_rule(rules: list[Rule[str]], findings: list[LintFinding]) -> None:
    assert lint_first_match(rules, needs_fallback=True) == findings


def test_rules_that_overlap_are_named_in_order() -> None:
    rules = table((BIG, "a"), (Compare("spam_score", Op.GT, 9), "b"), (SOFTWARE, "c"))
    assert lint_overlaps(rules) == [
        LintFinding(LintCode.OVERLAP, 1, "r1 overlaps rules before it that have another outcome: r0"),
        LintFinding(LintCode.OVERLAP, 2, "r2 overlaps rules before it that have another outcome: r0, r1"),
    ]


@pytest.mark.parametrize(
    "rules",
    [
        table((BIG, "a"), (SOFTWARE, "a")),
        table((BIG, "a"), (SMALL, "b")),
        table((TINY, "a"), (SMALL, "b")),
        table((SMALL, "a"), (TINY, "b")),
        table((IMPOSSIBLE, "a"), (BIG, "b")),
        table((BIG, "a"), (TOO_LARGE, "b")),
        table((BIG, "a"), (ALWAYS, "b")),
    ],
    ids=["same outcome", "apart", "inside", "outside", "impossible", "too large", "fallback"],
)
def test_these_rules_do_not_overlap(rules: list[Rule[str]]) -> None:
    assert lint_overlaps(rules) == []

"""The index of a table: which rules hold, for every way in which a fact leads to its class."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules.code import Code
from shared.rules.compile import all_matches, concluding, first_of_each
from shared.rules.dnf import Term
from shared.rules.match_index import possible_terms
from shared.rules.memo import Memo
from shared.rules.operators import Op
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Facts, Not, Rule
from shared.rules.times import Duration
from tests.support.rules import AT, conditions, facts, truth_of

EMPLOYEES, INDUSTRY, TOOLS = "company.employees", "company.industry", "company.technologies"
TITLE, FUNDED, ANSWER = "person.title", "company.last_funding_at", "answers.interest"


def index_of(*terms: Term) -> Callable[[Facts, datetime], int]:
    """Return the function that gives the set of true terms, a bit for each."""
    code = Code()
    possible_terms(code, terms)
    code.add("return left")
    return code.function()


def by_name(*whens: Condition) -> Callable[[Facts], str]:
    """Return a function that gives the letters of the conditions that hold: a, b, c, …"""
    rules = [Rule(letter, when, letter) for letter, when in zip("abcdefgh", whens, strict=False)]
    matches = all_matches(rules)
    return lambda known: "".join(matches(known, AT))


def test_without_terms_nothing_is_true() -> None:
    assert index_of()({}, AT) == 0


def test_a_term_without_comparisons_is_always_true() -> None:
    assert index_of((), ())({}, AT) == 0b11


def test_a_term_needs_all_of_its_comparisons() -> None:
    large, software = Compare(EMPLOYEES, Op.GTE, 100), Compare(INDUSTRY, Op.EQ, "software")
    index = index_of(((large, True), (software, True)), ((large, False),), ((software, False), (large, True)))
    assert index({EMPLOYEES: 100, INDUSTRY: "Software"}, AT) == 0b001
    assert index({EMPLOYEES: 99, INDUSTRY: "Software"}, AT) == 0b010
    assert index({EMPLOYEES: 100, INDUSTRY: "Retail"}, AT) == 0b100
    assert index({INDUSTRY: "Retail"}, AT) == 0, "a comparison on a missing fact is neither true nor false"


@pytest.mark.parametrize(
    ("fact", "holds"),
    [("a", "acd"), ("A", "acd"), ("b", "bc"), ("z", "b"), (None, "e")],
)
def test_equality_is_looked_up_by_value(fact: Any, holds: str) -> None:
    rules = by_name(
        Compare(INDUSTRY, Op.EQ, "a"),
        Compare(INDUSTRY, Op.NE, "A"),
        Compare(INDUSTRY, Op.IN, ("a", "b")),
        Compare(INDUSTRY, Op.NOT_IN, ("b", "z")),
        Compare(INDUSTRY, Op.MISSING, value=True),
    )
    assert rules({INDUSTRY: fact}) == holds


@pytest.mark.parametrize(
    ("fact", "holds"),
    [(0, "bf"), (9, "bf"), (10, "bcf"), (11, "acf"), (20, "acdf"), (21, "af"), (None, "g")],
)
def test_order_is_searched_among_the_bounds(fact: Any, holds: str) -> None:
    rules = by_name(
        Compare(EMPLOYEES, Op.GT, 10),
        Compare(EMPLOYEES, Op.LTE, 10),
        Compare(EMPLOYEES, Op.BETWEEN, (10, 20)),
        Compare(EMPLOYEES, Op.EQ, 20),
        Compare(EMPLOYEES, Op.LT, 0),
        Compare(EMPLOYEES, Op.EXISTS, value=True),
        Not(Compare(EMPLOYEES, Op.EXISTS, value=True)),
    )
    assert rules({EMPLOYEES: fact}) == holds


@pytest.mark.parametrize(
    ("fact", "holds"),
    [
        ("Head of Sales", "ab"),
        ("head", "ac"),
        ("heb", ""),
        ("he", ""),
        ("hea\U0010ffff", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_prefixes_are_searched_in_the_order_of_text(fact: Any, holds: str) -> None:
    rules = by_name(
        Compare(TITLE, Op.STARTS_WITH, "HEAD"),
        Compare(TITLE, Op.STARTS_WITH, "head of"),
        Compare(TITLE, Op.EQ, "Head"),
    )
    assert rules({TITLE: fact}) == holds


@pytest.mark.parametrize(
    ("fact", "holds"),
    [
        ([], "e"),
        (["HubSpot"], "abe"),
        (("dbt", "hubspot"), "abcde"),
        (frozenset({"other"}), "e"),
        (None, ""),
    ],
)
def test_the_members_of_a_set_are_looked_up(fact: Any, holds: str) -> None:
    rules = by_name(
        Compare(TOOLS, Op.CONTAINS, "hubspot"),
        Compare(TOOLS, Op.CONTAINS_ANY, ("hubspot", "dbt")),
        Compare(TOOLS, Op.CONTAINS_ALL, ("hubspot", "dbt")),
        AllOf((Compare(TOOLS, Op.CONTAINS, "DBT"), Compare(TOOLS, Op.CONTAINS, "HubSpot"))),
        Compare(TOOLS, Op.EXISTS, value=True),
    )
    assert rules({TOOLS: fact}) == holds


@pytest.mark.parametrize(
    ("fact", "holds"),
    [("News", "ac"), (["News", "Demo"], "abc"), (["Demo"], "b"), ([], ""), ("", ""), (5, "d"), ("5", "d")],
)
def test_an_answer_has_one_index_for_each_coercion(fact: Any, holds: str) -> None:
    rules = by_name(
        Compare(ANSWER, Op.EQ, "news"),
        Compare(ANSWER, Op.IN, ("demo", "trial")),
        Compare(ANSWER, Op.CONTAINS, "new"),
        Compare(ANSWER, Op.GTE, 5),
    )
    found = rules({ANSWER: fact})
    assert found == (holds if fact != ["News", "Demo"] else "ab")


@pytest.mark.parametrize(("days", "holds"), [(0, "ab"), (3, "b"), (9, ""), (None, "")])
def test_what_has_no_index_is_evaluated(days: int | None, holds: str) -> None:
    rules = by_name(
        Compare(FUNDED, Op.WITHIN, Duration(86_400)),
        Compare(FUNDED, Op.GT, AT - timedelta(days=5)),
        Compare(TITLE, Op.MATCHES, "^head"),
    )
    assert rules({FUNDED: None if days is None else AT - timedelta(days=days)}) == holds


@given(st.lists(conditions(), min_size=1, max_size=5), facts())
def test_the_truths_of_all_conditions_are_those_of_each(whens: list[Condition], known: Facts) -> None:
    assert concluding(whens, tuple)(known, AT) == tuple(truth_of(when, known) for when in whens)


def test_the_first_rule_of_each_group_is_taken() -> None:
    large, any_size = Compare(EMPLOYEES, Op.GTE, 100), ALWAYS
    groups = [
        [Rule("large", large, 10), Rule("rest", any_size, 1)],
        [],
        [Rule("software", Compare(INDUSTRY, Op.EQ, "software"), 5)],
    ]
    decide = first_of_each(groups)
    assert decide({EMPLOYEES: 500}, AT) == (10, None, None)
    assert decide({INDUSTRY: "software"}, AT) == (1, None, 5)


def test_a_conclusion_is_made_once_for_the_same_truths() -> None:
    calls: list[list[bool | None]] = []

    def conclude(truths: Any) -> int:
        calls.append(list(truths))
        return len(calls)

    decide = concluding([Compare(EMPLOYEES, Op.GTE, 100), AnyOf(())], conclude)
    assert [decide({EMPLOYEES: size}, AT) for size in (100, 500, 5, 7, None, 101)] == [1, 1, 2, 2, 3, 1]
    assert calls == [[True, False], [False, False], [None, False]]


def test_a_memo_calls_its_function_once_for_each_key() -> None:
    calls: list[int] = []

    def double(key: int) -> int:
        calls.append(key)
        return 2 * key

    memo = Memo(double, size=2)
    assert [memo[1], memo[1], memo[2], memo[1]] == [2, 2, 4, 2]
    assert calls == [1, 2]
    assert memo[3] == 6
    assert dict(memo) == {3: 6}, "one more than its size: all of them are dropped"
    assert memo[1] == 2
    assert calls == [1, 2, 3, 1]


def test_a_memo_does_not_keep_an_error() -> None:
    def fail(key: int) -> int:
        raise ValueError(key)

    memo = Memo(fail)
    for _ in range(2):
        with pytest.raises(ValueError, match="7"):
            memo[7]
    assert not memo

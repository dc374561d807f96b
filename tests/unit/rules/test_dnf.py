"""Disjunctive normal form: the terms of a condition, their laws and their limit."""

from __future__ import annotations

import pytest
from hypothesis import given

from shared.rules.comparison import compare_fact
from shared.rules.dnf import TERMS_MAX, Term, TooManyTerms, terms_of
from shared.rules.evaluate import fact_of
from shared.rules.operators import Op
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Facts, Not, Use
from tests.support.rules import AT, conditions, facts, truth_of

A, B, C, D = (Compare(f"answers.{name}", Op.EQ, 1) for name in "abcd")


@pytest.mark.parametrize(
    ("condition", "terms"),
    [
        (A, [((A, True),)]),
        (Not(A), [((A, False),)]),
        (Not(Not(A)), [((A, True),)]),
        (AllOf((A, B)), [((A, True), (B, True))]),
        (AnyOf((A, B)), [((A, True),), ((B, True),)]),
        (Not(AllOf((A, B))), [((A, False),), ((B, False),)]),
        (Not(AnyOf((A, B))), [((A, False), (B, False))]),
        (AllOf((A, AnyOf((B, Not(C))))), [((A, True), (B, True)), ((A, True), (C, False))]),
        (
            AllOf((AnyOf((A, B)), AnyOf((C, D)))),
            [
                ((A, True), (C, True)),
                ((A, True), (D, True)),
                ((B, True), (C, True)),
                ((B, True), (D, True)),
            ],
        ),
        (Use("name", AnyOf((A, B))), [((A, True),), ((B, True),)]),
        (Not(Use("name", A)), [((A, False),)]),
        (ALWAYS, [()]),
        (Not(ALWAYS), []),
        (AnyOf(()), []),
        (AllOf((A, AnyOf(()))), []),
    ],
    ids=str,
)
def test_a_condition_has_these_terms(condition: Condition, terms: list[Term]) -> None:
    assert list(terms_of(condition)) == terms
    assert list(terms_of(Not(condition), holds=False)) == terms


@given(conditions(), facts())
def test_one_term_is_true_exactly_when_the_condition_is(condition: Condition, known: Facts) -> None:
    def is_true(term: Term) -> bool:
        return all(
            compare_fact(compare, fact_of(compare.field, known), AT) is holds for compare, holds in term
        )

    for holds in (True, False):
        try:
            terms = terms_of(condition, holds=holds)
        except TooManyTerms:
            continue
        assert len(terms) <= TERMS_MAX
        assert any(map(is_true, terms)) is (truth_of(condition, known) is holds)


def test_the_greatest_number_of_terms_is_accepted() -> None:
    pair = AnyOf((A, B))
    assert len(terms_of(AllOf((pair,) * 5))) == TERMS_MAX
    assert len(terms_of(AnyOf((A,) * TERMS_MAX))) == TERMS_MAX


@pytest.mark.parametrize(
    "condition", [AllOf((AnyOf((A, B)),) * 6), AnyOf((A,) * 33), Not(AllOf((A,) * 33))], ids=range(3)
)
def test_a_condition_with_more_terms_is_an_error(condition: Condition) -> None:
    with pytest.raises(TooManyTerms):
        terms_of(condition)


def test_the_error_of_a_part_is_that_of_the_whole() -> None:
    large = AnyOf((A,) * 33)
    with pytest.raises(TooManyTerms):
        terms_of(AllOf((B, Not(Not(large)))))


def test_what_is_no_condition_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not a condition"):
        terms_of(Condition())

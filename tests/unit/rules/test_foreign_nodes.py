"""A node that is none of the syntax tree is a programming error, in every module that walks it."""

from __future__ import annotations

import pytest

from shared.rules.code import Code
from shared.rules.compile import check, concluding, first_match
from shared.rules.evaluate import evaluate
from shared.rules.inline import expression
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Rule
from tests.support.rules import AT, truth_of

MISSING = Compare("company.employees", Op.MISSING, value=True)


@pytest.mark.parametrize(
    "condition", [Condition(), AllOf((Condition(),)), Not(AnyOf((Condition(),)))], ids=range(3)
)
def test_a_foreign_node_is_a_type_error(condition: Condition) -> None:
    for decide in (
        lambda: evaluate(condition, {}, AT),
        lambda: expression(Code(), condition),
        lambda: check(condition),
        lambda: first_match([Rule("foreign", condition, 1)]),
        lambda: concluding([condition], tuple),
    ):
        with pytest.raises(TypeError, match="not a condition"):
            decide()


def test_an_operator_without_code_is_called() -> None:
    """The records give code to every operator, but an operator without it works too."""
    from dataclasses import replace

    from shared.rules import operators

    slow = replace(operators.OPERATORS[Op.EQ], code=None)
    monkey = pytest.MonkeyPatch()
    monkey.setitem(operators.OPERATORS, Op.EQ, slow)
    try:
        decide = check(Compare("company.employees", Op.EQ, 5))
        negated = check(Compare("company.employees", Op.NE, 5))
    finally:
        monkey.undo()
    assert [decide({"company.employees": size}, AT) for size in (5, 6, None)] == [True, False, None]
    assert [negated({"company.employees": size}, AT) for size in (5, 6, None)] == [False, True, None]


def test_rules_of_too_many_alternatives_are_evaluated_one_by_one() -> None:
    pairs = tuple(
        AnyOf((Compare(f"answers.a{number}", Op.EQ, 1), Compare(f"answers.b{number}", Op.EQ, 1)))
        for number in range(6)
    )
    large = AllOf(pairs)
    known = {f"answers.{'ab'[number % 2]}{number}": 1 for number in range(6)}
    decide = concluding([MISSING, large, Not(large)], tuple)
    assert decide(known, AT) == (True, True, False)
    for facts in (known, {}, {**known, "answers.b1": 2}, {**known, "answers.a1": 2, "answers.b1": 2}):
        assert decide(facts, AT) == tuple(truth_of(when, facts) for when in (MISSING, large, Not(large)))

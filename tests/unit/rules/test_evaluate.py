"""Evaluation with an explanation: the present reaches every part, and unknown parts are named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.rules.coercion import matcher
from shared.rules.evaluate import DecidingComparison, Verdict, evaluate, explain_first, failed_alternatives
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Rule, Use
from shared.rules.times import Duration
from tests.support.rules import AT

YOUNG = Compare("company.last_funding_at", Op.WITHIN, Duration(86_400))
LARGE = Compare("company.employees", Op.GTE, 100)
FUNDED = {"company.last_funding_at": AT - timedelta(hours=1)}


@pytest.mark.parametrize(
    "condition",
    [AllOf((YOUNG,)), AnyOf((YOUNG,)), Not(Not(YOUNG)), Use("young", YOUNG)],
    ids=["all", "any", "not", "use"],
)
def test_an_age_is_compared_with_the_present_inside_every_node(condition: Condition) -> None:
    assert evaluate(condition, FUNDED, AT).truth is True
    assert evaluate(condition, FUNDED, AT + timedelta(days=2)).truth is False
    rules = [Rule("young", condition, 1)]
    assert explain_first(rules, FUNDED, AT)[0].verdict.truth is True
    assert explain_first(rules, FUNDED, AT + timedelta(days=2))[0].verdict.truth is False


def test_a_negation_is_decided_by_the_same_comparison() -> None:
    decider = DecidingComparison(LARGE, truth=True, fact=500)
    assert evaluate(Not(LARGE), {"company.employees": 500}, AT) == Verdict(truth=False, because=(decider,))


@pytest.mark.parametrize("join", [AllOf, AnyOf])
def test_an_unknown_join_names_its_unknown_parts(join: type[AllOf | AnyOf]) -> None:
    settled = Compare("spam_score", Op.GTE if join is AllOf else Op.GT, 0)
    verdict = evaluate(join((settled, LARGE, YOUNG)), {}, AT)
    assert verdict.truth is None
    assert [decider.compare for decider in verdict.because] == [LARGE, YOUNG]


def test_beside_what_is_unknown_the_alternatives_that_do_not_hold_are_named() -> None:
    partner = Compare("account.relation", Op.EQ, "partner")
    condition = AllOf(
        (Compare("owner.active", Op.EQ, True), Use("either", AnyOf((LARGE, partner, Not(YOUNG)))))
    )
    facts = {"owner.active": True, "account.relation": "none", **FUNDED}
    assert evaluate(condition, facts, AT).truth is None
    failed = [(one.compare.field, one.truth) for one in failed_alternatives(condition, facts, AT)]
    assert failed == [("account.relation", False), ("company.last_funding_at", True)]
    assert list(failed_alternatives(LARGE, {}, AT)) == []


def test_a_lone_surrogate_in_a_pattern_is_replaced_before_it_is_compiled() -> None:
    assert matcher("a\ud800")("a") is True, "it becomes a question mark: an optional a"

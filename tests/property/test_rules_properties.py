"""What holds for every condition and all facts: the compiled, the explained and the bounded agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.lead.fields import Scope
from shared.policy.load import read_policy
from shared.policy.models import FILES
from shared.rules.bounds import PossibleValues
from shared.rules.boxes import FactSpace, TooManyBoxes
from shared.rules.compile import all_matches, check, concluding, first_match, first_of_each
from shared.rules.dnf import TooManyTerms, terms_of
from shared.rules.document import read_document
from shared.rules.evaluate import evaluate, explain_first
from shared.rules.findings import FindingReport
from shared.rules.lint import LintCode, contradictions, lint_first_match, lint_overlaps
from shared.rules.memo import MEMO_SIZE_MAX, Memo
from shared.rules.operators import Op
from shared.rules.parse import read_condition
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Facts, Not, Rule, comparisons
from tests.support.rules import (
    AT,
    LEAVES,
    SMALL,
    SMALL_LEAVES,
    conditions,
    every_fact,
    facts,
    possible_rules,
    possible_verdicts,
    tables,
    truth_of,
)


@settings(max_examples=400)
@given(conditions(), facts())
def test_the_compiled_condition_is_the_explained_one(condition: Condition, known: Facts) -> None:
    assert check(condition)(known, AT) is truth_of(condition, known, AT)


@settings(max_examples=200)
@given(tables(), facts())
def test_the_compiled_tables_are_the_explained_ones(rules: list[Rule[int]], known: Facts) -> None:
    truths = [truth_of(rule.when, known, AT) for rule in rules]
    true = tuple(rule.outcome for rule, truth in zip(rules, truths, strict=True) if truth)
    assert first_match(rules)(known, AT) == (true[0] if true else None)
    assert all_matches(rules)(known, AT) == true
    half = len(rules) // 2
    groups = [rules[:half], rules[half:]]
    expected = tuple(next((rule.outcome for rule in group if rule.outcome in true), None) for group in groups)
    assert first_of_each(groups)(known, AT) == expected
    assert concluding([rule.when for rule in rules], tuple)(known, AT) == tuple(truths)


@given(st.lists(st.tuples(LEAVES, LEAVES), min_size=6, max_size=7), tables(), facts())
def test_a_rule_of_very_many_alternatives_is_compiled_too(
    pairs: list[tuple[Compare, Compare]], rules: list[Rule[int]], known: Facts
) -> None:
    large = AllOf(tuple(map(AnyOf, pairs)))
    with pytest.raises(TooManyTerms):
        terms_of(large)
    whens = [large, *(rule.when for rule in rules), Not(large)]
    assert concluding(whens, tuple)(known, AT) == tuple(truth_of(when, known, AT) for when in whens)


_edges = st.text(st.sampled_from("a\0\ud7ff\ue000\U0010fffe\U0010ffffß"), max_size=3)


@given(st.lists(st.tuples(st.sampled_from((Op.STARTS_WITH, Op.EQ)), _edges), min_size=1), _edges)
def test_beginnings_are_told_apart_to_the_last_character(texts: list[tuple[Op, str]], title: str) -> None:
    whens = [Compare("person.title", op, text) for op, text in texts]
    known = {"person.title": title}
    assert concluding(whens, tuple)(known, AT) == tuple(truth_of(when, known, AT) for when in whens)


def test_what_follows_is_remembered_for_few_sets_of_rules_only() -> None:
    """No facts make a table grow without end."""
    made = Memo[int, int](lambda number: -number)
    assert [made[number] for number in range(3 * MEMO_SIZE_MAX)] == [-n for n in range(3 * MEMO_SIZE_MAX)]
    assert len(made) <= MEMO_SIZE_MAX


@given(tables(), facts())
def test_the_explained_table_names_the_rule_that_was_taken(rules: list[Rule[int]], known: Facts) -> None:
    explained = explain_first(rules, known, AT)
    taken = [rule.name for rule in explained if rule.verdict.truth is True and not rule.earlier]
    first = first_match(rules)(known, AT)
    assert taken == ([] if first is None else [rules[first].name])


@given(conditions(), facts())
def test_what_decided_suffices(condition: Condition, known: Facts) -> None:
    """Nothing but the fields that are named as deciding is needed to come to the same."""
    verdict = evaluate(condition, known, AT)
    if verdict.truth is not None:
        fields = {comparison.compare.field for comparison in verdict.because}
        only = {name: fact for name, fact in known.items() if name in fields}
        assert truth_of(condition, only, AT) is verdict.truth


@given(conditions(), conditions(), facts())
def test_kleene(one: Condition, other: Condition, known: Facts) -> None:
    def truth(condition: Condition) -> bool | None:
        return check(condition)(known, AT)

    a, b = truth(one), truth(other)
    assert truth(Not(Not(one))) is a
    assert truth(AllOf((one, other))) is truth(AllOf((other, one)))
    assert truth(Not(AllOf((one, other)))) is truth(AnyOf((Not(one), Not(other))))
    assert truth(Not(AnyOf((one, other)))) is truth(AllOf((Not(one), Not(other))))
    assert truth(AllOf((one, other))) is (False if False in (a, b) else None if None in (a, b) else True)
    assert truth(AnyOf((one, other))) is (True if True in (a, b) else None if None in (a, b) else False)


@given(conditions(), facts(), facts())
def test_knowing_more_never_turns_a_decided_condition(
    condition: Condition, known: Facts, more: dict[str, Any]
) -> None:
    """But for `exists` and `missing`, which ask about knowledge itself, and fields with defaults."""
    settled = {name: fact for name, fact in known.items() if fact is not None}
    if any(comparison.op.value in {"exists", "missing"} for comparison in comparisons(condition)):
        return
    never_missing = {"spam_score", "account.relation", "signals.strong", "signals.types"}
    more = {name: fact for name, fact in more.items() if name not in never_missing}
    before = truth_of(condition, settled, AT)
    after = truth_of(condition, {**more, **settled}, AT)
    assert before is None or after is before


_unsettled = st.sampled_from(
    ({"company.employees"}, {"company.industry", "account.market_validated"}, set(SMALL))
)


@settings(max_examples=200)
@given(tables(SMALL_LEAVES), _unsettled, st.data())
def test_bounds_hold_every_completion(rules: list[Rule[int]], unsettled: set[str], data: Any) -> None:
    known = data.draw(st.sampled_from(list(every_fact(set(SMALL) - unsettled))))
    fixed = {name for name in unsettled if data.draw(st.booleans())}
    possible = {
        name: PossibleValues(
            values=tuple(value for value in SMALL[name] if value is not None) if name in fixed else None,
            missing=None in SMALL[name],
        )
        for name in unsettled
    }
    first = first_match(rules)
    reached = possible_rules(rules, known, possible, AT)
    verdicts = possible_verdicts(rules[0].when, known, possible, AT)
    for completion in every_fact(unsettled):
        assert first({**known, **completion}, AT) in reached
        assert truth_of(rules[0].when, {**known, **completion}, AT) in verdicts


@given(tables(SMALL_LEAVES), st.sampled_from(list(every_fact(set(SMALL)))))
def test_bounds_of_known_facts_are_exact(rules: list[Rule[int]], known: Facts) -> None:
    assert possible_rules(rules, known, {}, AT) == {first_match(rules)(known, AT)}


@given(conditions(), facts())
def test_a_condition_is_true_only_inside_its_region(condition: Condition, known: Facts) -> None:
    if truth_of(condition, known, AT) is True:
        try:
            assert FactSpace([condition]).boxes(condition)
        except TooManyBoxes:
            return
        assert () not in contradictions(condition)


@settings(max_examples=150)
@given(tables(SMALL_LEAVES))
def test_what_is_called_dead_never_applies(rules: list[Rule[int]]) -> None:
    first = first_match(rules)
    applied = {first(known, AT) for known in every_fact(set(SMALL))}
    for finding in lint_first_match(rules):
        if finding.code is LintCode.DEAD:
            assert finding.rule not in applied
    for rule in rules:
        if () in contradictions(rule.when):
            assert rule.outcome not in applied


@settings(max_examples=100)
@given(tables(SMALL_LEAVES.filter(lambda leaf: leaf.op.value != "starts_with")))
def test_rules_that_are_said_to_overlap_do(rules: list[Rule[int]]) -> None:
    """There are facts on which both match, and facts on which either matches alone."""
    matches = all_matches(rules)
    matched = [set(matches(known, AT)) for known in every_fact(set(SMALL))]
    for finding in lint_overlaps(rules):
        for name in finding.message.rpartition(": ")[2].split(", "):
            pair = {int(name[1:]), finding.rule}
            assert {frozenset(outcomes & pair) for outcomes in matched} >= {
                frozenset(pair),
                *(frozenset({one}) for one in pair),
            }


_exact = SMALL_LEAVES.filter(lambda leaf: leaf.op.value != "starts_with")


@settings(max_examples=150)
@given(tables(_exact))
def test_every_dead_rule_is_called_so(rules: list[Rule[int]]) -> None:
    """Where every field has cells, lint is exact: it misses none."""
    first = first_match(rules)
    applied = {first(known, AT) for known in every_fact(set(SMALL))}
    named = {finding.rule for finding in lint_first_match(rules) if finding.code is LintCode.DEAD}
    impossible = {rule.outcome for rule in rules if not FactSpace([rule.when]).boxes(rule.when)}
    assert {rule.outcome for rule in rules} - applied <= named | impossible


@settings(max_examples=200)
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_policy_file_or_has_problems(text: str) -> None:
    for name in FILES:
        reading = read_policy({name: text})
        assert reading.policy is None
        assert all(problem.line >= 1 and problem.column >= 1 for problem in reading.findings)


_words = st.sampled_from(
    [
        "all",
        "any",
        "not",
        "use",
        "field",
        "eq",
        "in",
        "between",
        "within",
        "matches",
        "company.employees",
        "person.title",
        "high",
        "{}",
        "[]",
        "5",
        "1d",
        "a",
    ]
)
_nodes: st.SearchStrategy[Any] = st.recursive(
    _words | st.integers() | st.booleans() | st.none() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300)
@given(_nodes)
def test_any_structure_is_a_condition_or_has_problems(structure: Any) -> None:
    import json

    report = FindingReport("routing.yaml")
    node = read_document(json.dumps(structure), report)
    if node is None:
        assert report.findings
        return
    condition = read_condition(node, ("when",), report, scope=Scope.ROUTING, named={})
    assert (condition is None) is bool(report.errors)
    if condition is not None:
        assert check(condition)({}, AT + timedelta()) in {True, False, None}

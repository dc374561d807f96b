"""Every operator by its record alone: an operator that is added is tested here without another line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.lead.fields import Field, Kind, Scope, field_named
from shared.rules.bounds import ANY_VALUE
from shared.rules.boxes import FactSpace
from shared.rules.comparison import compare_fact
from shared.rules.compile import check, concluding
from shared.rules.describe import sentence
from shared.rules.document import read_document
from shared.rules.evaluate import evaluate, fact_of
from shared.rules.findings import FindingReport
from shared.rules.operators import OPERATORS, Op, operator_schemas, operators_of, opposite_of
from shared.rules.parse import read_condition
from shared.rules.syntax import Compare, Not
from shared.rules.times import Duration
from shared.rules.values import AGE, FLAG, PATTERN, SEVERAL_VALUES, VALUE_RANGE
from tests.support.rules import AT, TEXTS, facts, possible_verdicts

FIELDS: Mapping[Kind, str] = {
    Kind.TEXT: "company.industry",
    Kind.WORD: "person.seniority",
    Kind.COUNTRY: "company.country",
    Kind.INTEGER: "company.employees",
    Kind.BOOLEAN: "account.market_validated",
    Kind.SET: "company.technologies",
    Kind.TIME: "company.last_funding_at",
    Kind.OPEN: "answers.anything",
}
CONSTANTS: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: st.sampled_from(TEXTS),
    Kind.WORD: st.sampled_from(("vp", "manager")),
    Kind.COUNTRY: st.sampled_from(("US", "DE")),
    Kind.INTEGER: st.integers(0, 103),
    Kind.BOOLEAN: st.booleans(),
    Kind.SET: st.sampled_from(TEXTS),
    Kind.TIME: st.integers(-400, 40).map(lambda days: AT + timedelta(days=days)),
}
cases = pytest.mark.parametrize(
    ("op", "kind"), [(op, kind) for kind in Kind for op in operators_of(kind)], ids=str
)


def constants(op: Op, kind: Kind) -> st.SearchStrategy[Any]:
    """Return values that the policy may compare a field of that type with."""
    form = OPERATORS[op].value
    if kind is Kind.OPEN:
        kinds = {Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.TIME} & OPERATORS[op].kinds
        kind = min(kinds, key=lambda candidate: candidate.name)
    if form is FLAG:
        return st.just(value=True)
    if form is AGE:
        return st.integers(1, 400).map(lambda days: Duration(days * 86_400))
    if form is PATTERN:
        return st.sampled_from(("soft", "^it", "s.*s$", "[a-c]x?"))
    if form is SEVERAL_VALUES:
        return st.lists(CONSTANTS[kind], min_size=1, max_size=3).map(tuple)
    if form is VALUE_RANGE:
        return st.tuples(CONSTANTS[kind], CONSTANTS[kind]).map(lambda pair: tuple(sorted(pair)))
    return CONSTANTS[kind]


def comparisons(op: Op, kind: Kind) -> st.SearchStrategy[Compare]:
    return constants(op, kind).map(lambda value: Compare(FIELDS[kind], op, value))


@cases
@settings(max_examples=25)
@given(data=st.data())
def test_an_operator_means_the_same_everywhere(op: Op, kind: Kind, data: st.DataObject) -> None:
    """Interpreted, compiled, indexed, bounded: one truth, and a sentence that says it."""
    compare, known = data.draw(comparisons(op, kind)), data.draw(facts())
    verdict = evaluate(compare, known, AT)
    truth = verdict.truth
    assert check(compare)(known, AT) is truth
    opposite = None if truth is None else not truth
    assert concluding([compare, Not(compare)], tuple)(known, AT) == (truth, opposite)
    rest = {name: fact for name, fact in known.items() if name != compare.field}
    assert truth in possible_verdicts(compare, rest, {compare.field: ANY_VALUE}, AT)
    (deciding,) = verdict.because
    assert sentence(deciding).startswith(compare.field.replace(".", " ").replace("_", " "))


@cases
@given(data=st.data())
def test_a_policy_can_say_every_operator(op: Op, kind: Kind, data: st.DataObject) -> None:
    """What is written in a file is read as the comparison, and its schema allows it."""
    compare = data.draw(comparisons(op, kind))
    written = json.loads(json.dumps(compare.value, default=_written))
    jsonschema.validate(written, operator_schemas()[op])
    report = FindingReport("routing.yaml")
    node = read_document(json.dumps({"field": compare.field, op.value: written}), report)
    assert node is not None
    assert read_condition(node, ("when",), report, scope=Scope.ROUTING, named={}) == compare
    assert not report.findings


@cases
@settings(max_examples=25)
@given(data=st.data())
def test_a_negation_is_true_where_the_operator_is_false(op: Op, kind: Kind, data: st.DataObject) -> None:
    compare, known = data.draw(comparisons(op, kind)), data.draw(facts())
    if OPERATORS[op].negates is None and op not in {Op.EQ, Op.IN, Op.EXISTS}:
        with pytest.raises(KeyError):
            opposite_of(op)
        return
    opposite = Compare(compare.field, opposite_of(op), compare.value)
    fact = fact_of(compare.field, known)
    truth, other = compare_fact(compare, fact, AT), compare_fact(opposite, fact, AT)
    assert (truth is None) is (other is None)
    assert truth is None or truth is not other


@cases
@settings(max_examples=25)
@given(data=st.data())
def test_a_comparison_that_can_hold_has_a_box(op: Op, kind: Kind, data: st.DataObject) -> None:
    compare, known = data.draw(comparisons(op, kind)), data.draw(facts())
    truth = compare_fact(compare, fact_of(compare.field, known), AT)
    space = FactSpace([compare])
    if truth is not None:
        assert space.boxes(compare, holds=truth)


def test_a_field_takes_the_operators_of_its_type() -> None:
    assert set(operators_of(Kind.OPEN)) == set(Op)
    assert operators_of(Kind.BOOLEAN) == (Op.EQ, Op.NE, Op.EXISTS, Op.MISSING)
    assert operators_of(Kind.SET) == (
        Op.CONTAINS,
        Op.CONTAINS_ANY,
        Op.CONTAINS_ALL,
        Op.EXISTS,
        Op.MISSING,
    )
    assert all(isinstance(field_named(name), Field) for name in FIELDS.values())


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)

"""Conditions and tables by example: what the words of the language mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.lead.fields import FactKeys, Kind, Scope, all_fields, field_named
from shared.rules.bounds import ANY_VALUE, PossibleValues
from shared.rules.compile import check, first_match
from shared.rules.document import read_document
from shared.rules.evaluate import evaluate, explain_first
from shared.rules.explained import as_json
from shared.rules.findings import FindingReport
from shared.rules.operators import Op, operators_of
from shared.rules.parse import read_condition, read_named
from shared.rules.syntax import ALWAYS, AnyOf, Compare, Condition, Rule, Use
from shared.rules.times import Duration, parse_duration
from tests.support.rules import possible_rules, possible_verdicts

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMPLOYEES = "company.employees"


def _condition(text: str, scope: Any = Scope.ROUTING | Scope.SIGNALS) -> Condition:
    report = FindingReport("x.yaml")
    node = read_document(text, report)
    assert node is not None
    condition = read_condition(node, ("when",), report, scope=scope, named={})
    assert condition is not None, report.findings
    return condition


@pytest.mark.parametrize(
    ("text", "facts", "truth"),
    [
        ("{field: company.industry, eq: SOFTWARE}", {"company.industry": "Software"}, True),
        ("{field: company.industry, eq: strasse}", {"company.industry": "Straße"}, True),
        ("{field: company.industry, ne: software}", {}, None),
        ("{field: company.industry, not_in: [a, b]}", {"company.industry": "C"}, True),
        ("{field: company.country, in: [no, us]}", {"company.country": "NO"}, True),
        ("{field: company.employees, between: [50, 999]}", {EMPLOYEES: 50}, True),
        ("{field: company.employees, between: [50, 999]}", {EMPLOYEES: 999}, True),
        ("{field: company.employees, between: [50, 999]}", {EMPLOYEES: 1000}, False),
        ("{field: company.employees, lte: 5}", {EMPLOYEES: 5}, True),
        ("{not: {field: company.employees, lt: 5}}", {}, None),
        ("{field: person.title, starts_with: head}", {"person.title": "HEAD of Sales"}, True),
        ("{field: person.title, ends_with: sales}", {"person.title": "Head of Sales"}, True),
        ("{field: person.title, contains: OF}", {"person.title": "Head of Sales"}, True),
        ("{field: person.title, contains_any: [vp, sales]}", {"person.title": "Head of Sales"}, True),
        ("{field: person.title, contains_all: [vp, sales]}", {"person.title": "Head of Sales"}, False),
        ("{field: person.title, matches: '^head\\b.*sales$'}", {"person.title": "HEAD of Sales"}, True),
        ("{field: message, matches: '(a+)+b'}", {"message": "a" * 10_000}, False),
        ("{field: company.technologies, contains_any: [hubspot, x]}", {"company.technologies": ["HubSpot"]}, True),
        ("{field: company.technologies, contains_all: [hubspot, x]}", {"company.technologies": ["HubSpot"]}, False),
        ("{field: company.technologies, contains: hubspot}", {}, None),
        ("{field: signals.types, contains: news}", {}, False),
        ("{field: signals.strong, eq: false}", {}, True),
        ("{field: account.relation, eq: none}", {}, True),
        ("{field: spam_score, gte: 80}", {"spam_score": None}, False),
        ("{field: company.parent, missing: true}", {}, True),
        ("{field: company.parent, exists: true}", {"company.parent": "x"}, True),
        ("{field: company.parent, exists: false}", {}, True),
        ("{field: answers.team_size, gte: 50}", {"answers.team size": " 50 "}, True),
        ("{field: answers.team_size, gte: 50}", {"answers.team size": "about 50"}, None),
        ("{field: answers.interest, in: [partnership]}", {"answers.interest": ["News", "Partnership"]}, True),
        ("{field: answers.interest, ne: partnership}", {"answers.interest": ["News", "Partnership"]}, False),
        ("{field: answers.ok, eq: true}", {"answers.ok": "Yes"}, True),
        ("{field: answers.note, exists: true}", {"answers.note": ""}, False),
        ("{field: signal.details.amount_usd, gte: 1000000}", {"signal.details.amount_usd": 45_000_000}, True),
        ("{field: signal.details.ends_on, lt: 2026-06-01}", {"signal.details.ends_on": "2026-05-31"}, True),
        ("{field: source.utm.medium, eq: cpc}", {"source.utm.medium": "CPC"}, True),
        ("{all: [{field: company.employees, gte: 5}, {field: spam_score, gte: 5}]}", {}, False),
        ("{any: [{field: company.employees, gte: 5}, {field: spam_score, lt: 5}]}", {}, True),
    ],
)  # fmt: skip
def test_what_a_condition_comes_to(text: str, facts: dict[str, Any], truth: bool | None) -> None:
    condition = _condition(text)
    assert evaluate(condition, facts, AT).truth is truth
    assert check(condition)(facts, AT) is truth


@pytest.mark.parametrize(
    ("age", "within"),
    [
        (timedelta(days=180), True),
        (timedelta(days=180, microseconds=1), False),
        (timedelta(), True),
        (-timedelta(microseconds=1), False),
    ],
)
def test_an_age_counts_up_to_its_end_and_not_before_it_begins(age: timedelta, within: bool) -> None:
    condition = _condition("{field: company.last_funding_at, within: 180d}")
    assert check(condition)({"company.last_funding_at": AT - age}, AT) is within


def test_a_rule_that_is_unknown_does_not_match_and_is_told_apart() -> None:
    rules = [
        Rule("large", _condition("{field: company.employees, gte: 1000}"), "bdr"),
        Rule("target", _condition("{field: account.relation, eq: target}"), "bdr"),
        Rule("fits", _condition("{field: score.fit_grade, in: [A, B, C]}"), "sdr"),
        Rule("rest", ALWAYS, "sdr"),
    ]
    facts = {"score.fit_grade": "B"}
    assert first_match(rules)(facts, AT) == "sdr"
    explained = [(rule.name, rule.verdict.truth, rule.earlier) for rule in explain_first(rules, facts, AT)]
    assert explained == [
        ("large", None, False),
        ("target", False, False),
        ("fits", True, False),
        ("rest", True, True),
    ]


def test_an_explanation_names_the_comparison_that_decided_and_what_it_saw() -> None:
    condition = _condition("{all: [{field: company.employees, gte: 5}, {field: company.industry, eq: x}]}")
    (decided,) = evaluate(condition, {EMPLOYEES: 3}, AT).because
    assert (decided.compare.field, decided.truth, decided.fact) == (EMPLOYEES, False, 3)
    (unknown,) = evaluate(condition, {EMPLOYEES: 9}, AT).because
    assert (unknown.compare.field, unknown.truth, unknown.fact) == ("company.industry", None, None)


def test_nothing_of_a_policy_is_read_as_code() -> None:
    evil = "\"); __import__('os').abort() #"
    rules = [
        Rule(evil, Compare(f"answers.{evil}", Op.EQ, evil), evil),
        Rule("b", Compare("company.industry", Op.IN, (evil, "x\ny")), "b"),
    ]
    decide = first_match(rules)
    assert decide({f"answers.{evil}": evil}, AT) == evil
    assert decide({"company.industry": evil.upper()}, AT) == "b"
    names = {*decide.__code__.co_names, *decide.__code__.co_varnames, *decide.__code__.co_freevars}
    assert not [name for name in names if len(name) > 8 and name != "casefold"]
    assert decide.__globals__["__builtins__"] == {}


def test_a_fact_is_folded_once_however_often_it_is_compared() -> None:
    folded = 0

    class Counted(str):
        __slots__ = ()

        def casefold(self) -> str:
            nonlocal folded
            folded += 1
            return super().casefold()

    rules = [Rule(str(at), Compare("company.industry", Op.EQ, f"i{at}"), at) for at in range(40)]
    assert first_match(rules)({"company.industry": Counted("I39")}, AT) == 39
    assert folded == 1


def test_a_fact_that_no_rule_reaches_is_not_fetched() -> None:
    asked: list[str] = []

    class Watched(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.append(key)
            return super().get(key, default)

    rules = [
        Rule("a", _condition("{field: company.employees, gte: 5}"), "a"),
        Rule("b", _condition("{field: company.industry, eq: x}"), "b"),
    ]
    assert first_match(rules)(Watched({EMPLOYEES: 9}), AT) == "a"
    assert asked == [EMPLOYEES]


def _sized() -> list[Rule[str]]:
    return [
        Rule("small", _condition("{field: company.employees, lt: 10}"), "small"),
        Rule("middle", _condition("{field: company.employees, between: [10, 99]}"), "middle"),
        Rule("large", _condition("{field: company.employees, gte: 100}"), "large"),
        Rule("unknown", ALWAYS, "unknown"),
    ]


def test_bounds_know_how_comparisons_on_one_field_hang_together() -> None:
    present = PossibleValues(missing=False)
    assert possible_rules(_sized(), {}, {EMPLOYEES: present}, AT) == {0, 1, 2}
    assert possible_rules(_sized(), {}, {EMPLOYEES: ANY_VALUE}, AT) == {0, 1, 2, 3}
    assert possible_rules(_sized(), {}, {EMPLOYEES: PossibleValues(low=50, missing=False)}, AT) == {1, 2}
    assert possible_rules(_sized(), {}, {EMPLOYEES: PossibleValues(values=(5, 500), missing=False)}, AT) == {
        0,
        2,
    }
    assert possible_rules(_sized(), {}, {}, AT) == {3}
    assert possible_rules(_sized(), {EMPLOYEES: 50}, {EMPLOYEES: ANY_VALUE}, AT) == {1}


def test_a_field_that_cannot_change_the_outcome_leaves_one() -> None:
    rules = [
        Rule("target", _condition("{field: account.relation, eq: target}"), "bdr"),
        Rule("large", _condition("{field: company.employees, gte: 1000}"), "bdr2"),
    ]
    assert possible_rules(rules, {"account.relation": "target"}, {EMPLOYEES: ANY_VALUE}, AT) == {0}


def test_bounds_of_what_no_cells_settle_stay_open() -> None:
    condition = _condition("{field: person.title, starts_with: head}")
    assert possible_verdicts(condition, {}, {"person.title": ANY_VALUE}, AT) == {True, False, None}
    heads = PossibleValues(values=("Head of X", "head of y"), missing=False)
    assert possible_verdicts(condition, {}, {"person.title": heads}, AT) == {True}


def test_named_conditions_may_use_each_other_in_any_order() -> None:
    report = FindingReport("x.yaml")
    node = read_document("{a: {not: {use: b}}, b: {field: company.employees, gte: 5}}", report)
    named = read_named(node, ("conditions",), report)
    assert not report.findings
    inner = named["a"]
    assert inner is not None
    assert check(inner)({EMPLOYEES: 3}, AT) is True


def test_what_a_named_condition_asks_is_checked_where_it_is_used() -> None:
    report = FindingReport("x.yaml")
    top = read_document("{graded: {field: score.grade, eq: A1}}", report)
    use = read_document("{use: graded}", report)
    assert use is not None
    named = read_named(top, ("conditions",), report)
    assert isinstance(read_condition(use, (), report, scope=Scope.BANDS, named=named), Use)
    assert read_condition(use, (), report, scope=Scope.FIT, named=named) is None
    assert str(report.findings[0]) == (
        'x.yaml:1:7 use: "graded" asks for "score.grade", which is only known in bands and routing'
    )


def test_conditions_that_multiply_by_use_are_refused() -> None:
    """Twenty names, each using the one before it ten times, would be ten to the twentieth comparisons."""
    lines = ["c0: {field: company.employees, gte: 5}"]
    lines += [f"c{at}: {{any: [{', '.join([f'{{use: c{at - 1}}}'] * 10)}]}}" for at in range(1, 20)]
    report = FindingReport("x.yaml")
    read_named(read_document("\n".join(lines), report), ("conditions",), report)
    assert "more than 500 comparisons" in report.findings[0].message


@pytest.mark.parametrize(
    ("text", "seconds", "business"),
    [
        ("1s", 1, False),
        ("15m", 900, False),
        ("4h", 14_400, False),
        ("14d", 1_209_600, False),
        ("3660d", 316_224_000, False),
        ("8h business", 28_800, True),
    ],
)
def test_durations(text: str, seconds: int, business: bool) -> None:
    duration = parse_duration(text)
    assert duration == Duration(seconds, business=business)
    assert parse_duration(str(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "4", "4 h", "h", "1w", "0d", "-1d", "3661d", "4h buisness", "1.5h", "\uff14h"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="should be a duration"):
        parse_duration(text)


def test_every_field_has_a_key_and_operators() -> None:
    keys = {value for name, value in vars(FactKeys).items() if name.isupper()}
    assert keys == {field.name.removesuffix("*") for field in all_fields()}
    assert all(operators_of(kind) for kind in Kind)


def test_families_stand_for_names_of_the_policys_own() -> None:
    named = field_named("answers.team size")
    assert named is not None
    assert (named.name, named.kind) == ("answers.team size", Kind.OPEN)
    assert field_named("answers.") is None
    assert field_named("answers.*") is None
    assert field_named("company") is None


def test_true_is_not_one_on_a_field_without_a_type() -> None:
    facts = {"answers.crm": 1}
    truth, number = Compare("answers.crm", Op.EQ, value=True), Compare("answers.crm", Op.EQ, 1)
    assert truth != number
    table = [Rule("truth", truth, "truth"), Rule("number", number, "number")]
    assert first_match(table)(facts, AT) == "number"
    assert [rule.verdict.truth for rule in explain_first(table, facts, AT)] == [None, True]


def test_the_empty_join_is_what_logic_says() -> None:
    assert check(ALWAYS)({}, AT) is True
    assert check(AnyOf(()))({}, AT) is False


@pytest.mark.parametrize(
    ("value", "told"),
    [(1.5, 1.5), (True, True), (None, None), (["b", 1], ["b", 1]), (frozenset("ba"), ["a", "b"])],
)
def test_what_was_seen_is_told_as_what_it_is(value, told):
    assert as_json(value) == told


def test_a_pattern_keeps_its_case_because_case_has_a_meaning_there() -> None:
    """`\\D` is no digit, `\\d` is one; the text is matched without case all the same."""
    no_digits = Compare("company.industry", Op.MATCHES, r"^S\D+$")
    assert evaluate(no_digits, {"company.industry": "software"}, AT).truth is True
    assert evaluate(no_digits, {"company.industry": "s4"}, AT).truth is False


def test_an_answer_of_several_is_compared_member_by_member() -> None:
    ticked = {"answers.tools": ["Snowflake", "dbt"]}
    assert evaluate(Compare("answers.tools", Op.EQ, "snowflake"), ticked, AT).truth is True
    assert evaluate(Compare("answers.tools", Op.NE, "snowflake"), ticked, AT).truth is False
    assert evaluate(Compare("answers.tools", Op.IN, ("segment", "DBT")), ticked, AT).truth is True
    assert evaluate(Compare("answers.tools", Op.NOT_IN, ("segment",)), ticked, AT).truth is True


def test_the_age_of_a_time_is_taken_at_the_instant_that_is_asked_for() -> None:
    young = Compare("company.last_funding_at", Op.WITHIN, Duration(86_400))
    funded = {"company.last_funding_at": AT - timedelta(days=1)}
    assert evaluate(young, funded, AT).truth is True
    assert evaluate(young, funded, AT + timedelta(seconds=1)).truth is False
    assert evaluate(young, funded, AT - timedelta(days=2)).truth is False

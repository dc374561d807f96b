"""Parsing of conditions: the trees that are made, and the exact position and path of each error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.lead.fields import Known, Scope, field_named
from shared.rules.document import Items, Scalar, read_document
from shared.rules.findings import FindingReport, SourcePosition
from shared.rules.operators import Op
from shared.rules.parse import COMPARISONS_MAX, read_condition, read_named
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use
from shared.rules.times import Duration
from shared.rules.values import (
    InvalidItem,
    InvalidValue,
    ValueTarget,
    parse_country,
    parse_integer,
    parse_several,
    parse_time,
    parse_word,
)

EMPLOYEES, SPAM = "company.employees", "spam_score"
TOP = SourcePosition(1, 1)
CONDITIONS = "{low: {field: spam_score, lt: 5}, wrong: 5}"


def parsed(text: str, scope: Known = Scope.ROUTING) -> tuple[Condition | None, list[str]]:
    """Return the condition of a text, which may use `low` and `wrong`, and the errors."""
    named = read_named(read_document(CONDITIONS, FindingReport("n.yaml")), (), FindingReport("n.yaml"))
    report = FindingReport("x.yaml")
    node = read_document(text, report)
    assert node is not None
    condition = read_condition(node, ("when",), report, scope=scope, named=named)
    return condition, [str(finding).removeprefix("x.yaml:") for finding in report.findings]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("{field: spam_score, gte: 5}", Compare(SPAM, Op.GTE, 5)),
        ("{field: spam_score, in: [1, 2]}", Compare(SPAM, Op.IN, (1, 2))),
        ("{gte: 5, field: spam_score}", Compare(SPAM, Op.GTE, 5)),
        ("{field: company.employees, exists: true}", Compare(EMPLOYEES, Op.EXISTS, value=True)),
        ("{field: company.employees, exists: false}", Compare(EMPLOYEES, Op.MISSING, value=True)),
        ("{field: company.employees, missing: false}", Compare(EMPLOYEES, Op.EXISTS, value=True)),
        ("{field: person.seniority, eq: VP}", Compare("person.seniority", Op.EQ, "vp")),
        ("{field: company.country, in: [de, XK]}", Compare("company.country", Op.IN, ("DE", "XK"))),
        (
            "{field: company.last_funding_at, within: 2h}",
            Compare("company.last_funding_at", Op.WITHIN, Duration(7_200)),
        ),
        (
            "{field: company.last_funding_at, gt: 2026-03-01}",
            Compare("company.last_funding_at", Op.GT, datetime(2026, 3, 1, tzinfo=UTC)),
        ),
        ("{field: answers.size, eq: yes}", Compare("answers.size", Op.EQ, "yes")),
        ("{field: answers.size, eq: true}", Compare("answers.size", Op.EQ, value=True)),
        ("{field: answers.size, gt: 5}", Compare("answers.size", Op.GT, 5)),
        (
            "{all: [{field: spam_score, gte: 5}, {not: {use: low}}]}",
            AllOf((Compare(SPAM, Op.GTE, 5), Not(Use("low", Compare(SPAM, Op.LT, 5))))),
        ),
        ("{any: [{field: spam_score, gte: 5}]}", AnyOf((Compare(SPAM, Op.GTE, 5),))),
    ],
)
def test_a_text_is_parsed_to_a_condition(text: str, condition: Condition) -> None:
    assert parsed(text) == (condition, [])


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            "5",
            ["1:1 when: should be a condition: {field: …, OPERATOR: …}, all, any, not or use"],
        ),
        (
            "{}",
            ["1:1 when: should be a condition: {field: …, OPERATOR: …}, all, any, not or use"],
        ),
        ("{use: wrong}", []),
        ("{use: lo}", ['1:7 when.use: no condition is named "lo"; did you mean "low"?']),
        (
            "{al: [], any: []}",
            ['1:2 when.al: unknown word "al" in a condition; did you mean "all"?'],
        ),
        (
            "{use: low, not: {use: low}}",
            ["1:12 when.not: use and not stand side by side; put both in a list under all or any"],
        ),
        ("{all: 5}", ["1:2 when.all: all should be a list of at least one condition"]),
        ("{any: {}}", ["1:2 when.any: any should be a list of at least one condition"]),
        ("{field: spam_score}", ["1:1 when: a comparison has one operator"]),
        (
            "{field: spam_score, lt: 5, gt: 6, eq: 7}",
            ["1:28 when.gt: a comparison has one operator; join two comparisons under all"],
        ),
        (
            "{field: spam_scor, ltt: 5}",
            [
                '1:9 when.field: unknown field "spam_scor"; did you mean "spam_score"?',
                '1:20 when.ltt: unknown operator "ltt"; did you mean "lt"?',
            ],
        ),
        ("{field: {a: 1}, lt: 5}", ['1:9 when.field: unknown field ""']),
        (
            "{field: spam_score, contains: 5}",
            [
                "1:21 when.contains: spam_score (integer) has no operator contains; it has eq, ne, in, not_in, gt, gte, lt, lte, between, exists, missing"
            ],
        ),
        (
            "any:\n  - {field: spam_score, lt: x}\n  - {field: spam_score, in: [1, y]}\n  - 5",
            [
                '2:29 when.any[0].lt: should be a whole number, not "x"',
                '3:33 when.any[1].in[1]: should be a whole number, not "y"',
                "4:5 when.any[2]: should be a condition: {field: …, OPERATOR: …}, all, any, not or use",
            ],
        ),
    ],
)
def test_every_error_stands_where_it_is(text: str, errors: list[str]) -> None:
    assert parsed(text) == (None, errors)


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("account.market", "after the markets are decided"),
        ("activity.type", "in intent rules"),
        ("signal.type", "in signal rules"),
        ("score.fit", "in bands and routing"),
        ("owner.active", "in routing"),
    ],
)
def test_a_field_that_is_not_known_yet_is_an_error(field: str, where: str) -> None:
    condition, errors = parsed(f"{{field: {field}, exists: true}}", Scope.MARKETS)
    assert condition is None
    assert errors == [f'1:9 when.field: this asks for "{field}", which is only known {where}']


def test_the_greatest_number_of_comparisons_is_accepted() -> None:
    parts = ", ".join(["{field: spam_score, lt: 5}"] * COMPARISONS_MAX)
    condition, errors = parsed(f"{{all: [{parts}]}}")
    assert condition is not None
    assert not errors
    condition, errors = parsed(f"{{all: [{parts}, {{use: low}}]}}")
    assert condition is None
    assert errors == ["1:1 when: the condition makes more than 500 comparisons"]


def test_conditions_are_nested_sixteen_deep_at_most() -> None:
    def nested(depth: int) -> str:
        return "{not: " * depth + "{use: low}" + "}" * depth

    assert parsed(nested(16))[1] == []
    (error,) = parsed(nested(17))[1]
    assert error.endswith("conditions are nested deeper than 16")


def test_the_depth_of_a_named_condition_is_its_own() -> None:
    report = FindingReport("x.yaml")
    deep = "{not: " * 16 + "{field: spam_score, lt: 5}" + "}" * 16
    named = read_named(read_document(f"{{deep: {deep}}}", report), (), report)
    node = read_document("{not: {use: deep}}", report)
    assert node is not None
    assert read_condition(node, (), report, scope=Scope.ROUTING, named=named) is not None
    assert not report.findings


def test_a_wrong_named_condition_is_reported_once() -> None:
    report = FindingReport("x.yaml")
    text = "{a: {use: b}, b: {field: nothing, lt: 5}, c: {any: [{use: b}, {use: a}]}}"
    named = read_named(read_document(text, report), ("conditions",), report)
    assert named == {"a": None, "b": None, "c": None}
    assert [finding.path for finding in report.findings] == ["conditions.b.field"]


SEVERAL = ValueTarget("in", field_named(EMPLOYEES), lambda _: field_named(EMPLOYEES).kind)  # type: ignore[arg-type, union-attr]


def test_an_item_that_is_wrong_has_its_own_position() -> None:
    items = (Scalar(1, "1", TOP), Scalar("x", "x", SourcePosition(3, 4)))
    with pytest.raises(InvalidItem, match="whole number") as raised:
        parse_several(Items(items, TOP), SEVERAL)
    assert (raised.value.position, raised.value.index) == (SourcePosition(3, 4), 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T12:30", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01T12:30+02:00", "2026-03-01T12:30:00+02:00"),
        ("2026-03-01T12:30:00Z", "2026-03-01T12:30:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_utc(text: str, expected: str) -> None:
    field = field_named("company.last_funding_at")
    assert field is not None
    assert parse_time(field, Scalar(text, text, TOP)).isoformat() == expected


def test_the_bounds_of_an_integer_are_within() -> None:
    field = field_named(SPAM)
    assert field is not None
    for value in (0, 100):
        assert parse_integer(field, Scalar(value, str(value), TOP)) == value
    for value in (-1, 101):
        with pytest.raises(InvalidValue, match="out of range: spam_score is 0 to 100"):
            parse_integer(field, Scalar(value, str(value), TOP))


def test_words_and_countries_take_the_spelling_of_the_field() -> None:
    seniority, country = field_named("person.seniority"), field_named("company.country")
    assert seniority is not None
    assert country is not None
    assert parse_word(seniority, Scalar("CXO", "CXO", TOP)) == "cxo"
    assert parse_country(country, Scalar("us", "us", TOP)) == "US"
    with pytest.raises(InvalidValue, match=r'person\.seniority is never "zzz"; it is one of '):
        parse_word(seniority, Scalar("zzz", "zzz", TOP))

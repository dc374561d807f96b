"""Values that a comparison does not take: the finding says what it should be."""

from __future__ import annotations

import pytest

from shared.lead.fields import Known, Scope
from shared.rules.document import read_document
from shared.rules.findings import FINDINGS_MAX, FindingReport, SourcePosition
from shared.rules.operators import Op
from shared.rules.parse import read_condition, read_named
from shared.rules.syntax import Compare, Condition


def finding(text: str, scope: Known = Scope.ROUTING) -> str:
    """Return the one finding about a condition, without its file and position."""
    report = FindingReport("x.yaml")
    node = read_document(text, report)
    assert node is not None
    assert read_condition(node, ("when",), report, scope=scope, named={}) is None
    (found,) = report.findings
    return f"{found.path}: {found.message}"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("{field: company.employees, gte: many}", 'when.gte: should be a whole number, not "many"'),
        ("{field: company.employees, gte: true}", 'when.gte: should be a whole number, not "true"'),
        (
            "{field: company.employees, gte: -1}",
            "when.gte: -1 is out of range: company.employees is 0 or more",
        ),
        ("{field: spam_score, lt: 101}", "when.lt: 101 is out of range: spam_score is 0 to 100"),
        ("{field: spam_score, lt: -1}", "when.lt: -1 is out of range: spam_score is 0 to 100"),
        ("{field: company.employees, eq: [1, 2]}", "when.eq: eq takes one value, not a list"),
        ("{field: company.employees, eq: {a: 1}}", "when.eq: eq takes one value, not a mapping"),
        ("{field: company.employees, in: 5}", "when.in: in takes a list of at least one value"),
        ("{field: company.employees, in: []}", "when.in: in takes a list of at least one value"),
        ("{field: company.employees, in: [[5]]}", "when.in[0]: should be one value"),
        ("{field: company.employees, in: [1, x]}", 'when.in[1]: should be a whole number, not "x"'),
        ("{field: company.employees, between: 5}", "when.between: between takes two values, [least, most]"),
        ("{field: company.employees, between: [5]}", "when.between: between takes two values, [least, most]"),
        (
            "{field: company.employees, between: [6, 5]}",
            "when.between: no value is between 6 and 5; the lower one comes first",
        ),
        ("{field: company.industry, eq: 5}", "when.eq: should be text; write '5' in quotes"),
        ("{field: company.industry, eq: }", "when.eq: should be text"),
        ("{field: company.industry, eq: ' '}", "when.eq: should not be empty"),
        ("{field: company.industry, matches: '['}", "when.matches: not a pattern: missing ]: ["),
        (
            f"{{field: company.industry, matches: {'x' * 201}}}",
            "when.matches: a pattern has 200 characters at most",
        ),
        (
            "{field: company.country, eq: UK}",
            'when.eq: "UK" is no country code (ISO 3166 alpha-2, such as US)',
        ),
        (
            "{field: person.seniority, eq: manger}",
            'when.eq: person.seniority is never "manger"; did you mean "manager"?',
        ),
        ("{field: account.market_validated, eq: 1}", 'when.eq: should be true or false, not "1"'),
        (
            "{field: company.last_funding_at, gt: soon}",
            'when.gt: should be a date or a time (2025-03-31), not "soon"',
        ),
        (
            "{field: company.last_funding_at, within: 4h business}",
            "when.within: an age is not counted in business time",
        ),
        ("{field: company.industry, exists: maybe}", "when.exists: exists takes true or false"),
        ("{field: company.industry, exists: [true]}", "when.exists: exists takes true or false"),
        ("{field: spam_score, exists: true}", "when.exists: spam_score is never missing"),
        (
            "{field: answers.size, in: [1, big]}",
            "when.in: the values should be all text or all whole numbers",
        ),
        (
            "{field: account.market_validated, gt: 1}",
            "when.gt: account.market_validated (true or false) has no operator gt; it has eq, ne, exists, missing",
        ),
        ("{field: company.employees}", "when: a comparison has one operator"),
        (
            "{field: company.employees, gt: 1, lt: 5}",
            "when.lt: a comparison has one operator; join two comparisons under all",
        ),
        ("{field: company.employees, gtt: 1}", 'when.gtt: unknown operator "gtt"; did you mean "gt"?'),
        ("{field: company.employes, gt: 1}", 'when.field: unknown field "company.employes"; did you mean '),
        ("{field: [1], gt: 1}", 'when.field: unknown field ""'),
        ("{use: high}", 'when.use: no condition is named "high"'),
        ("{use: [high]}", 'when.use: no condition is named ""'),
        ("{al: []}", 'when.al: unknown word "al" in a condition; did you mean "all"?'),
        ("{all: []}", "when.all: all should be a list of at least one condition"),
        (
            "{any: [{field: spam_score, lt: 5}], all: [{field: spam_score, lt: 5}]}",
            "when.all: any and all stand side by side; put both in a list under all or any",
        ),
        (
            "{feild: spam_score, lt: 5}",
            'when.feild: unknown word "feild" in a condition; did you mean "field"?',
        ),
        ("{not: []}", "when.not: should be a condition: {field: …, OPERATOR: …}, all, any, not or use"),
        ("{not: " * 17 + "{field: spam_score, lt: 5}" + "}" * 17, "conditions are nested deeper than 16"),
    ],
)
def test_what_is_no_value_or_condition_is_reported(condition: str, message: str) -> None:
    assert message in finding(condition)


def test_a_list_has_a_limit() -> None:
    values = ", ".join(map(str, range(2_001)))
    assert finding(f"{{field: company.employees, in: [{values}]}}").endswith(
        "a list has 2,000 values at most"
    )


def parsed(text: str) -> Condition | None:
    """Return the condition, which has no finding."""
    report = FindingReport("x.yaml")
    node = read_document(text, report)
    assert node is not None
    condition = read_condition(node, ("when",), report, scope=Scope.ROUTING, named={})
    assert report.findings == []
    return condition


def test_a_list_of_exactly_2_000_values_is_taken() -> None:
    values = tuple(range(2_000))
    condition = parsed(f"{{field: company.employees, in: [{', '.join(map(str, values))}]}}")
    assert condition == Compare("company.employees", Op.IN, values)


def test_a_range_may_be_a_single_value() -> None:
    assert parsed("{field: company.employees, between: [5, 5]}") == Compare(
        "company.employees", Op.BETWEEN, (5, 5)
    )


@pytest.mark.parametrize("value", [0, 100])
def test_the_ends_of_a_field_s_range_are_values_of_it(value: int) -> None:
    assert parsed(f"{{field: spam_score, eq: {value}}}") == Compare("spam_score", Op.EQ, value)


def test_a_field_is_reported_where_it_is_not_known_yet() -> None:
    assert finding("{field: score.fit, gte: 5}", Scope.FIT) == (
        'when.field: this asks for "score.fit", which is only known in bands and routing'
    )


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("[1]", "conditions: should be a mapping of names to conditions"),
        ("{a: {use: b}, b: {use: a}}", "conditions.a: the condition uses itself: a -> b -> a"),
    ],
)
def test_named_conditions_are_a_mapping_without_circles(conditions: str, message: str) -> None:
    report = FindingReport("x.yaml")
    read_named(read_document(conditions, report), ("conditions",), report)
    assert message in [f"{found.path}: {found.message}" for found in report.findings]


def test_a_chain_of_named_conditions_has_a_limit() -> None:
    """Each name uses the next; a file that is read cannot exhaust the stack."""
    names = {f"c{number}": f"{{use: c{number + 1}}}" for number in range(20)}
    text = ", ".join(f"{name}: {use}" for name, use in names.items())
    report = FindingReport("x.yaml")
    named = read_named(
        read_document(f"{{{text}, c20: {{field: spam_score, lt: 5}}}}", report), ("conditions",), report
    )
    assert any("deeper than 16" in found.message for found in report.findings)
    assert named["c0"] is None


@pytest.mark.parametrize(("length", "is_accepted"), [(16, True), (17, False)])
def test_sixteen_named_conditions_may_use_each_other(length: int, is_accepted: bool) -> None:
    uses = [f"c{number}: {{use: c{number + 1}}}" for number in range(length - 1)]
    text = f"{{{', '.join([*uses, f'c{length - 1}: {{field: spam_score, lt: 5}}'])}}}"
    report = FindingReport("x.yaml")
    named = read_named(read_document(text, report), ("conditions",), report)
    assert (report.findings == []) is is_accepted
    assert (named["c0"] is not None) is is_accepted


@pytest.mark.parametrize("join", ["all", "any"])
def test_the_depth_of_lists_counts_through_the_names_of_conditions(join: str) -> None:
    deep = f"{{{join}: [" * 16 + "{field: spam_score, lt: 5}" + "]}" * 16
    report = FindingReport("x.yaml")
    text = f"{{deep: {deep}, deeper: {{{join}: [{{use: deep}}]}}, used: {{use: deeper}}}}"
    named = read_named(read_document(text, report), ("conditions",), report)
    assert [found.message for found in report.findings] == ["conditions are nested deeper than 16"]
    assert [name for name, condition in named.items() if condition is None] == ["used"]


def test_without_conditions_nothing_is_named() -> None:
    assert read_named(None, ("conditions",), FindingReport("x.yaml")) == {}


def test_a_file_has_a_limited_number_of_findings() -> None:
    report = FindingReport("x.yaml")
    for number in range(FINDINGS_MAX + 5):
        report.error(SourcePosition(1, 1), (number,), "wrong")
    report.warning(SourcePosition(1, 1), (), "doubtful")
    assert len(report.findings) == report.errors == FINDINGS_MAX
    assert str(report.findings[0]) == "x.yaml:1:1 [0]: wrong"

"""Findings: how positions, paths and names are written, and the suggestions for misspelled names."""

from __future__ import annotations

import pytest

from shared.rules.findings import (
    Finding,
    FindingReport,
    Path,
    Severity,
    SourcePosition,
    did_you_mean,
    path_text,
    quoted,
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("rules",), "rules"),
        (("rules", 2, "when", "field"), "rules[2].when.field"),
        ((0, "a"), "[0].a"),
        (("fields", "company.employees", "order"), 'fields["company.employees"].order'),
        (("grades", "fit", "4"), 'grades.fit["4"]'),
        (("senior-ae", "a_b", "_x"), "senior-ae.a_b._x"),
        (("with space",), '["with space"]'),
        (("",), '[""]'),
        (("a", 0, 1), "a[0][1]"),
    ],
)
def test_a_path_is_written_as_in_code(path: Path, text: str) -> None:
    assert path_text(path) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("a", '"a"'),
        ("", '""'),
        (5, '"5"'),
        ("two\n  lines\t", '"two lines"'),
        ("x" * 80, f'"{"x" * 80}"'),
        ("x" * 81, f'"{"x" * 79}…"'),
    ],
)
def test_a_text_of_a_file_is_quoted_on_one_line(word: object, text: str) -> None:
    assert quoted(word) == text


@pytest.mark.parametrize(
    ("word", "known", "text"),
    [
        ("betwen", ["between", "eq"], '; did you mean "between"?'),
        ("between", ["between"], '; did you mean "between"?'),
        ("xyz", ["between", "eq"], ""),
        ("a", [], ""),
        ("", ["between"], ""),
        ("ab", ["ac", "ad"], ""),
        ("abc", ["abd", "abe"], '; did you mean "abe"?'),
    ],
)
def test_the_most_similar_name_is_suggested(word: str, known: list[str], text: str) -> None:
    assert did_you_mean(word, known) == text
    assert did_you_mean(word, reversed(known)) == text, "whatever the order of the names"


def test_a_very_long_name_costs_no_more_than_its_beginning() -> None:
    assert did_you_mean("x" * 100_000, ["x" * 80]) == f"; did you mean {quoted('x' * 80)}?"


def test_a_finding_is_one_line_with_and_without_a_path() -> None:
    assert str(Finding("a.yaml", 3, 7, "b[0]", "is wrong")) == "a.yaml:3:7 b[0]: is wrong"
    assert str(Finding("a.yaml", 1, 1, "", "is missing")) == "a.yaml:1:1: is missing"


def test_a_finding_is_an_error_unless_it_is_a_warning() -> None:
    report = FindingReport("a.yaml")
    report.error(SourcePosition(2, 3), ("a", 0), "is wrong")
    report.warning(SourcePosition(1, 1), (), "is doubtful")
    assert report.findings == [
        Finding("a.yaml", 2, 3, "a[0]", "is wrong"),
        Finding("a.yaml", 1, 1, "", "is doubtful", Severity.WARNING),
    ]
    assert report.errors == 1


def test_positions_are_in_the_order_of_the_file() -> None:
    positions = [SourcePosition(2, 1), SourcePosition(1, 9), SourcePosition(1, 2)]
    assert sorted(positions) == positions[::-1]

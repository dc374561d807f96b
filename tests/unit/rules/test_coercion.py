"""Coercion of facts: one table for each conversion, of what it accepts, returns and rejects."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from shared.rules.coercion import (
    COERCERS,
    MATCHED_LENGTH_MAX,
    PATTERN_LENGTH_MAX,
    Coercion,
    coerce,
    fold_set,
    matcher,
    open_boolean,
    open_integer,
    open_present,
    open_raw_text,
    open_set,
    open_text,
    open_text_or_set,
    open_time,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EAST = timezone(timedelta(hours=5))


@pytest.mark.parametrize("coercion", Coercion)
def test_every_coercion_keeps_a_missing_fact_missing(coercion: Coercion) -> None:
    assert coerce(coercion, None) is None


def test_plain_facts_and_folded_text_need_no_function() -> None:
    assert set(COERCERS) == set(Coercion) - {Coercion.PLAIN, Coercion.FOLDED}
    assert coerce(Coercion.PLAIN, "Straße") == "Straße"
    assert coerce(Coercion.PLAIN, 5) == 5
    assert coerce(Coercion.FOLDED, "Straße") == "strasse"


@pytest.mark.parametrize(
    ("coercion", "fact", "expected"),
    [
        (Coercion.FOLDED_SET, ["A", "a", "b"], frozenset({"a", "b"})),
        (Coercion.OPEN_PRESENT, "x", "x"),
        (Coercion.OPEN_RAW_TEXT, 5, "5"),
        (Coercion.OPEN_TEXT, " A ", "a"),
        (Coercion.OPEN_INTEGER, "7", 7),
        (Coercion.OPEN_BOOLEAN, "no", False),
        (Coercion.OPEN_SET, "A", frozenset({"a"})),
        (Coercion.OPEN_TEXT_OR_SET, ["A"], frozenset({"a"})),
        (Coercion.OPEN_TIME, "2026-03-01T12:00:00Z", NOON),
    ],
)
def test_each_coercion_has_its_function(coercion: Coercion, fact: Any, expected: Any) -> None:
    assert coerce(coercion, fact) == expected


@pytest.mark.parametrize("coercion", Coercion)
def test_only_the_coercions_to_a_set_say_so(coercion: Coercion) -> None:
    assert coercion.is_set is (coercion in {Coercion.FOLDED_SET, Coercion.OPEN_SET})


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ((), frozenset()),
        (["HubSpot", "hubspot"], frozenset({"hubspot"})),
        (frozenset({"A"}), frozenset({"a"})),
        (None, None),
    ],
)
def test_a_collection_is_folded_member_by_member(fact: Any, expected: Any) -> None:
    assert fold_set(fact) == expected


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("45,000", 45_000),
        ("€45.000", 45_000),
        ("1 234 567 €", 1_234_567),
        ("$45k", 45_000),
        (" 45 K ", 45_000),
        ("-5", -5),
        ("45-50k", None),
        ("4,5", None),
        ("12 34", None),
        ("1.234.56", None),
        ("$5M", None),
        ("45 seats", None),
    ],
)
def test_an_amount_as_people_type_it_is_a_number_and_a_range_is_none(fact: str, expected: int | None) -> None:
    assert open_integer(fact) == expected


@pytest.mark.parametrize("empty", ["", [], (), None])
def test_an_empty_answer_is_missing(empty: Any) -> None:
    assert open_present(empty) is None


@pytest.mark.parametrize("fact", ["x", " ", 0, False, 0.0, ["x"]])
def test_any_other_answer_is_present(fact: Any) -> None:
    assert open_present(fact) == fact
    assert open_present(fact) is not None


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("About Us", "About Us"),
        (" a ", " a "),
        ("", None),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12, "-12"),
        (10**18 - 1, "9" * 18),
        (10**18, None),
        (-(10**18), None),
        (1.5, None),
        (["a"], None),
        (None, None),
    ],
)
def test_text_for_a_pattern_keeps_its_case_and_space(fact: Any, expected: str | None) -> None:
    assert open_raw_text(fact) == expected


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (" About US ", "about us"),
        ("Straße", "strasse"),
        ("", None),
        ("   ", None),
        (42, "42"),
        (True, "true"),
        (1.5, None),
        (NOON, None),
    ],
)
def test_text_is_stripped_and_folded(fact: Any, expected: str | None) -> None:
    assert open_text(fact) == expected


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (5, 5),
        ("5", 5),
        (" +5 ", 5),
        ("-5", -5),
        ("007", 7),
        ("9" * 18, int("9" * 18)),
        ("9" * 19, None),
        ("5.0", None),
        ("5 people", None),
        ("", None),
        ("٣", None),
        (5.0, 5),
        (-0.0, 0),
        (5.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (False, None),
        ([5], None),
    ],
)
def test_an_integer_is_one_however_a_form_sends_it(fact: Any, expected: int | None) -> None:
    assert open_integer(fact) == expected
    assert type(open_integer(fact)) is type(expected)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("YES", True),
        (" on ", True),
        ("false", False),
        ("No", False),
        ("off", False),
        ("1", None),
        ("", None),
        (1, None),
        (0, None),
    ],
)
def test_a_checkbox_is_a_boolean(fact: Any, expected: bool | None) -> None:
    assert open_boolean(fact) is expected


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (["A", " b "], frozenset({"a", "b"})),
        (("A",), frozenset({"a"})),
        ({"A", "a"}, frozenset({"a"})),
        (["A", "", None, 1.5], frozenset({"a"})),
        ([], None),
        (["", " "], None),
        ("Several words", frozenset({"several words"})),
        (5, frozenset({"5"})),
        ("", None),
        (1.5, None),
    ],
)
def test_a_list_is_the_set_of_its_texts(fact: Any, expected: frozenset[str] | None) -> None:
    assert open_set(fact) == expected


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("Head of Sales", "head of sales"),
        (["Head"], frozenset({"head"})),
        (5, frozenset({"5"})),
        ("", None),
        ([], None),
    ],
)
def test_contains_looks_into_a_text_or_among_the_members_of_a_list(fact: Any, expected: Any) -> None:
    assert open_text_or_set(fact) == expected


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (NOON, NOON),
        (datetime(2026, 3, 1, 12), NOON),  # noqa: DTZ001 - a fact may be naive
        (datetime(2026, 3, 1, 17, tzinfo=EAST), NOON),
        ("2026-03-01T12:00:00+00:00", NOON),
        (" 2026-03-01T17:00+05:00 ", NOON),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("1 March", None),
        ("", None),
        (1_772_366_400, None),
        (date(2026, 3, 1), None),
    ],
)
def test_a_time_is_aware_and_a_date_begins_at_midnight_utc(fact: Any, expected: datetime | None) -> None:
    assert open_time(fact) == expected


def test_a_time_keeps_its_offset() -> None:
    found = open_time("2026-03-01T17:00+05:00")
    assert found is not None
    assert found.utcoffset() == timedelta(hours=5)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("soft", "Software", True),
        ("SOFT", "software", True),
        ("^ware", "software", False),
        ("ware$", "software", True),
        ("ß", "STRASSE", False),
        ("", "anything", True),
        (r"^\S+$", "two words", False),
    ],
)
def test_a_pattern_is_searched_anywhere_ignoring_case(pattern: str, text: str, found: bool) -> None:
    assert matcher(pattern)(text) is found


def test_a_pattern_searches_the_beginning_of_a_long_text_only() -> None:
    find = matcher("needle")
    assert find("x" * (MATCHED_LENGTH_MAX - 6) + "needle")
    assert not find("x" * (MATCHED_LENGTH_MAX - 5) + "needle")


def test_a_lone_surrogate_does_not_break_a_search() -> None:
    assert matcher("a")("\ud800a")


@pytest.mark.parametrize("pattern", ["(", "a{1,2000}", r"(a)\1", "(?=a)", "x" * (PATTERN_LENGTH_MAX + 1)])
def test_a_pattern_that_is_not_re2_or_too_long_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        matcher(pattern)


def test_a_pattern_of_the_greatest_length_is_accepted() -> None:
    assert matcher("x" * PATTERN_LENGTH_MAX)("X" * PATTERN_LENGTH_MAX)

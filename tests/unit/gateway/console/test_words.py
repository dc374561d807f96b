"""Numbers, times and names as the console shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.console import words

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h 00"),
        (14_700, "4 h 05"),
        (86_399, "23 h 59"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
        (10 * 86_400 + 7_200, "10 d"),
        (-90, "1 min"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, shown: str):
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("cents", "shown"),
    [(0, "0 ¢"), (12, "12 ¢"), (0.4, "0.4 ¢"), (340, "$3.40"), (1_240_000, "$12,400"), (-12, "-12 ¢")],
)
def test_money_is_shown_in_cents_and_dollars(cents: float, shown: str):
    assert words.money(cents) == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("company.employees", "employees"),
        ("company.revenue_usd", "revenue"),
        ("answers.team_size", "team size"),
        ("score.fit_grade", "fit grade"),
        ("consent.opted_out", "opted out"),
    ],
)
def test_a_field_is_named_in_words(path: str, shown: str):
    assert words.field(path) == shown


@pytest.mark.parametrize(
    ("rule", "fact", "why", "shown"),
    [
        ("size", "company.employees", "size: company.employees is 42000", "employees is 42,000"),
        (
            "demo-request",
            "demo_request on 2026-12-05",
            "90 of 90 points at this time",
            "demo request on 5 December",
        ),
        (
            "pricing",
            "page_view on 2026-12-05",
            "9 of 20 points at this time",
            "page view on 5 December, 9 of 20 points now",
        ),
        ("intent", "cap", "intent gives at most 100", "intent gives at most 100"),
        ("odd", "", "", ""),
    ],
)
def test_a_line_of_a_score_says_what_it_counts(rule: str, fact: str, why: str, shown: str):
    assert words.score_reason(rule, fact, why) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("Farah Haddad", "FH"), ("bdr-1", "B1"), ("", "?"), ("  ", "?"), ("Jo", "J")]
)
def test_initials(name: str, shown: str):
    assert words.initials(name) == shown


def test_a_clock_goes_from_left_to_soon_to_late_and_ends_when_the_lead_is_accepted():
    since = NOW - timedelta(minutes=10)
    assert words.clock_of(NOW + timedelta(minutes=5), None, since, NOW).state == "left"
    assert words.clock_of(NOW + timedelta(minutes=3), None, since, NOW).state == "soon"
    late = words.clock_of(NOW - timedelta(minutes=22), None, since - timedelta(hours=1), NOW)
    assert (late.state, late.words, late.left) == ("late", "late 22 min", 0.0)
    assert words.clock_of(NOW, NOW, since, NOW).state == "accepted"
    assert words.clock_of(None, None, since, NOW).state == "none"


@given(left=st.floats(-1e7, 1e7), whole=st.floats(-1e7, 1e7))
def test_what_is_left_of_a_clock_is_a_share(left: float, whole: float):
    clock = words.clock_of(NOW + timedelta(seconds=left), None, NOW - timedelta(seconds=whole), NOW)
    assert 0.0 <= clock.left <= 1.0
    assert (clock.state == "late") == (timedelta(seconds=left) <= timedelta())


@given(st.text(max_size=40))
def test_a_name_always_has_the_same_colour(name: str):
    assert words.hue(name) == words.hue(name)
    assert words.hue(name).startswith("hue-")

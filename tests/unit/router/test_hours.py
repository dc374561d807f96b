"""Working hours by example: shifts, nights, time zones, days on which the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.router.domain.hours import WorkingHours
from shared.policy.hours import parse_hours

HOUR = timedelta(hours=1)


def hours(text: str, zone: str = "UTC") -> WorkingHours:
    return WorkingHours(parse_hours(text), zone)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-03-02 08:59:59", False),
        ("2026-03-02 09:00", True),
        ("2026-03-02 16:59:59", True),
        ("2026-03-02 17:00", False),
        ("2026-03-07 12:00", False),
    ],
)
def test_a_shift_includes_its_begin_and_not_its_end(at, is_open):
    assert hours("Mon-Fri 09:00-17:00").is_open(instant(at)) is is_open


def test_hours_are_local_times_of_the_zone():
    new_york = hours("Mon-Fri 09:00-17:00", "America/New_York")
    assert not new_york.is_open(instant("2026-03-02 13:59"))
    assert new_york.is_open(instant("2026-03-02 14:00"))  # EST
    assert new_york.is_open(instant("2026-03-09 13:00"))  # EDT, since 8 March


@pytest.mark.parametrize(
    ("at", "deadline"),
    [
        ("2026-03-02 09:00", "2026-03-02 11:00"),
        ("2026-03-02 07:00", "2026-03-02 11:00"),
        ("2026-03-02 16:00", "2026-03-03 10:00"),
        ("2026-03-02 15:00", "2026-03-02 17:00"),
        ("2026-03-06 16:30", "2026-03-09 10:30"),
        ("2026-03-07 12:00", "2026-03-09 11:00"),
    ],
)
def test_a_deadline_counts_working_time_only(at, deadline):
    assert hours("Mon-Fri 09:00-17:00").deadline(instant(at), 2 * HOUR) == instant(deadline)


def test_a_deadline_skips_breaks():
    assert hours("Mon 09:00-12:00, Mon 13:00-17:00").deadline(
        instant("2026-03-02 11:00"), 2 * HOUR
    ) == instant("2026-03-02 14:00")


def test_the_shifts_of_a_day_count_in_the_order_of_time_however_they_are_written():
    backwards = hours("Mon-Fri 13:00-17:00, Mon-Fri 09:00-12:00")
    assert backwards.deadline(instant("2026-03-02 09:00"), 4 * HOUR) == instant("2026-03-02 14:00")
    assert backwards.is_open(instant("2026-03-02 10:00"))
    assert not backwards.is_open(instant("2026-03-02 12:30"))


def test_a_shift_that_the_clock_shortens_is_an_hour_shorter_and_one_that_it_lengthens_longer():
    """Berlin sets the clock forward on 29 March and back on 25 October."""
    berlin = hours("Sun 00:00-06:00", "Europe/Berlin")
    assert berlin.deadline(instant("2026-03-28 23:00"), 5 * HOUR) == instant("2026-03-29 04:00")
    assert berlin.deadline(instant("2026-10-24 22:00"), 7 * HOUR) == instant("2026-10-25 05:00")


def test_a_shift_that_the_clock_skips_does_not_take_place():
    skipped = hours("Sun 02:00-03:00", "Europe/Berlin")
    assert not skipped.is_open(instant("2026-03-29 01:00"))
    assert skipped.deadline(instant("2026-03-28 12:00"), HOUR / 2) == instant("2026-04-05 00:30")


def test_a_deadline_beyond_the_horizon_is_the_end_of_the_last_shift_before_it():
    deadline = hours("Mon 09:00-10:00").deadline(instant("2026-03-02 09:00"), 1_000 * HOUR)
    assert instant("2027-03-29 00:00") < deadline < instant("2027-04-12 00:00")
    assert (deadline.weekday(), deadline.hour) == (0, 10)

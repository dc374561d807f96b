"""Working hours by example: shifts, nights, time zones, days on which the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.router.domain.hours import WorkingHours
from shared.policy.hours import parse_hours
from shared.policy.models import Calendar, Team
from tests.support.routing_policies import rep, routing_policy_with

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


def test_nobody_works_on_a_day_off_by_the_date_of_the_own_zone():
    """Tokyo is nine hours ahead: its 1 January begins at 15:00 UTC of 31 December."""
    tokyo = WorkingHours(
        parse_hours("Mon-Sun 00:00-24:00"), "Asia/Tokyo", lambda year: frozenset([date(year, 1, 1)])
    )
    assert tokyo.is_open(instant("2026-12-31 14:59"))
    assert not tokyo.is_open(instant("2026-12-31 15:00"))
    assert tokyo.is_day_off(instant("2026-12-31 15:00"))
    assert not tokyo.is_open(instant("2027-01-01 14:59"))
    assert tokyo.is_open(instant("2027-01-01 15:00"))
    assert tokyo.deadline(instant("2026-12-31 14:00"), 3 * HOUR) == instant("2027-01-01 17:00")


TEAM = Team(
    reps=(
        rep("ana", time_zone="America/New_York", hours=parse_hours("Mon-Fri 09:00-17:00"), calendar="us"),
        rep("ben", time_zone="Europe/Berlin", calendar="bavaria"),
        rep("cy", time_zone="Europe/Berlin", hours=parse_hours("Mon-Fri 09:00-17:00")),
        rep("dee"),
    ),
    calendars={
        "us": Calendar(holidays="US"),
        "bavaria": Calendar(holidays="DE-BY", extra=(date(2026, 12, 24), date(2027, 12, 24))),
    },
)


@pytest.mark.parametrize(
    ("who", "at", "is_open"),
    [
        ("ana", "2026-11-25 15:00", True),
        ("ana", "2026-11-26 15:00", False),  # Thanksgiving
        ("ana", "2026-07-03 15:00", False),  # Independence Day, a Saturday, is observed on Friday
        ("ana", "2027-12-31 15:00", False),  # New Year's Day of 2028, a Saturday, is observed in 2027
        ("ben", "2026-11-26 03:00", True),  # no hours: round the clock
        ("ben", "2026-06-03 21:59", True),
        ("ben", "2026-06-03 22:00", False),  # Corpus Christi, 4 June in Berlin
        ("ben", "2026-06-04 22:00", True),
        ("ben", "2026-12-24 12:00", False),  # an extra day
        ("ben", "2028-12-24 12:00", True),
        ("cy", "2026-06-04 12:00", True),  # no calendar
    ],
)
def test_a_rep_does_not_work_on_the_holidays_and_extra_days_of_the_calendar(who, at, is_open):
    policy = routing_policy_with(team=TEAM)
    assert policy.hours[who].is_open(instant(at)) is is_open
    assert "dee" not in policy.hours


def test_business_time_leaves_out_the_days_off():
    policy = routing_policy_with(team=TEAM)
    wednesday = instant("2026-11-25 19:00")  # three hours before the end of the day
    assert policy.accept_by("sdr", "ana", wednesday) == instant("2026-11-27 15:00")
    christmas_eve = instant("2026-12-23 22:00")
    assert policy.accept_by("sdr", "ben", christmas_eve) == instant("2026-12-27 02:00")

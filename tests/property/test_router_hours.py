"""Working hours: deadlines are monotonic, lie in working time, and are right when the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.hours import WorkingHours
from shared.policy.hours import Hours, parse_hours

INSTANT = timedelta(microseconds=1)
HALF_HOUR = timedelta(minutes=30)
ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]
)
NIGHTS = ["Sat-Sun 00:00-24:00", "Sun 01:30-02:30", "Mon-Sun 00:00-03:00", "Sun 00:00-02:00, Sun 02:00-12:00"]
WRITTEN = ["Mon-Fri 09:00-17:00", "Mon-Fri 09:00-12:00, Mon-Thu 13:00-18:30", "Fri-Mon 22:00-24:00", *NIGHTS]
SPECIFICATIONS = st.tuples(st.sampled_from(WRITTEN).map(parse_hours), ZONES)
HOURS = SPECIFICATIONS.map(lambda specification: WorkingHours(*specification))
# A whole year, so both changes of the clock are included, in both hemispheres.
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
LENGTHS = st.timedeltas(timedelta(minutes=1), timedelta(hours=60))


@given(HOURS, INSTANTS, INSTANTS, LENGTHS)
def test_a_later_start_never_gives_an_earlier_deadline(hours, one, other, length):
    earlier, later = sorted((one, other))
    assert hours.deadline(earlier, length) <= hours.deadline(later, length)


@given(HOURS, INSTANTS, LENGTHS, LENGTHS)
def test_a_longer_time_never_gives_an_earlier_deadline(hours, at, one, other):
    less, more = sorted((one, other))
    assert at + less <= hours.deadline(at, less) <= hours.deadline(at, more)


@given(HOURS, INSTANTS, LENGTHS)
def test_a_deadline_is_in_working_time_or_ends_it(hours, at, length):
    deadline = hours.deadline(at, length)
    assert hours.is_open(deadline - INSTANT)


@given(HOURS, INSTANTS, LENGTHS)
def test_the_working_time_until_the_deadline_is_exactly_the_given_length(hours, at, length):
    """In steps of half an hour, at which every shift and every change of the clock begins and ends."""
    at = at.replace(minute=0, second=0, microsecond=0)
    length = HALF_HOUR * (1 + length // HALF_HOUR % 12)
    deadline, worked = hours.deadline(at, length), timedelta()
    while at < deadline:
        worked += HALF_HOUR if hours.is_open(at) else timedelta()
        at += HALF_HOUR
    assert worked == length


@given(SPECIFICATIONS, st.lists(INSTANTS, max_size=20))
def test_the_cached_span_changes_no_answer(specification, instants):
    hours = WorkingHours(*specification)
    for at in instants:
        assert hours.is_open(at) is WorkingHours(*specification).is_open(at)


@pytest.mark.parametrize(
    ("at", "deadline"),
    [
        ("2026-03-02T09:00-05:00", "2026-03-02T13:00-05:00"),
        ("2026-03-06T15:00-05:00", "2026-03-09T11:00-04:00"),  # over the weekend on which summer time begins
        ("2026-03-07T12:00-05:00", "2026-03-09T13:00-04:00"),
        ("2026-03-02T13:00-05:00", "2026-03-02T17:00-05:00"),
    ],
)
def test_four_business_hours_in_new_york(at, deadline):
    hours = WorkingHours(parse_hours("Mon-Fri 09:00-17:00"), "America/New_York")
    found = hours.deadline(datetime.fromisoformat(at), timedelta(hours=4))
    assert found == datetime.fromisoformat(deadline)


def test_the_day_of_a_clock_change_is_an_hour_shorter_or_longer():
    nights = WorkingHours(parse_hours("Sun 00:00-24:00"), "Europe/Berlin")
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    for saturday, hours in ((spring, 23), (autumn, 25)):
        ends = nights.deadline(saturday, timedelta(hours=hours))
        assert (ends + INSTANT).astimezone(ZoneInfo("Europe/Berlin")).strftime("%a %H:%M") == "Mon 00:00"


def test_the_horizon_bounds_a_deadline_however_few_hours_a_rep_works():
    hours = WorkingHours(parse_hours("Mon 09:00-09:01"), "UTC")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert hours.deadline(at, timedelta(hours=40)) - at < timedelta(days=401)
    assert WorkingHours(Hours(()), "UTC").deadline(at, timedelta(hours=1)) == at

"""Business time in every zone of the tz database: it is what a clock on the wall counts, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import cycle, pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.domain.hours import WorkingHours, constant_offsets
from shared.policy.hours import Hours, Shift, parse_hours

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
YEARS = range(2024, 2031)
ZONES = sorted(available_timezones())
SHIFTS = [
    "Sun-Thu 16:00-24:00",
    "Mon-Sun 00:00-24:00",
    "Mon-Fri 09:00-17:00",
    "Mon-Sun 00:00-02:30",
    "Mon-Sun 22:00-24:00, Mon-Sun 00:00-01:30",
    "Mon-Sun 01:15-02:45, Mon-Sun 03:00-03:30",
    "Sat-Mon 00:30-01:00, Sat-Mon 23:00-24:00",
]


@cache
def changes_of(zone: str) -> Sequence[datetime]:
    """Return when the clock of a zone changes in these years; any instant for a clock that does not."""
    spans = [span for year in YEARS for span in constant_offsets(zone, year)]
    found = [later.begins for earlier, later in pairwise(spans) if earlier.ahead != later.ahead]
    return found or [datetime(2027, 6, 1, tzinfo=UTC)]


def check(hours: Hours, zone: str, start: datetime, days_off: frozenset[date] = frozenset()) -> None:
    """Compare a day of working time from `start` on with a count of its minutes by the clock on the wall."""
    working = WorkingHours(hours, zone, lambda _year: days_off)
    shown = {
        (day, minute) for one in hours.shifts for day in one.days for minute in range(one.begins, one.ends)
    }
    clock, minutes = ZoneInfo(zone), [start + number * MINUTE for number in range(24 * 60)]
    worked = []
    for at in minutes:
        local = at.astimezone(clock)
        at_work = (local.weekday(), local.hour * 60 + local.minute) in shown and local.date() not in days_off
        assert working.is_open(at) is at_work, (zone, str(hours), at)
        if at_work:
            worked.append(at)
    assert working.worked(start, start + DAY) == len(worked) * MINUTE
    for length in {1, len(worked) // 2, len(worked)} - {0} if worked else ():
        deadline = working.deadline(start, length * MINUTE)
        assert deadline == worked[length - 1] + MINUTE, (zone, str(hours), start, length)


def test_every_zone_agrees_with_the_clock_on_the_wall_around_its_changes():
    """From some hours before a change on: one change of every zone, and all of seven years of each clock.

    Most zones have the same clock as another one. The shifts, and the hours before, take turns.
    """
    turns, before = cycle(map(parse_hours, SHIFTS)), cycle(range(4 * 60, 16 * 60, 71))
    clocks: set[tuple[object, ...]] = set()
    for number, zone in enumerate(ZONES):
        changes = changes_of(zone)
        clock = tuple(span for year in YEARS for span in constant_offsets(zone, year))
        for change in [changes[number % len(changes)]] if clock in clocks else changes:
            check(next(turns), zone, change - next(before) * MINUTE)
        clocks.add(clock)


CUTS = st.lists(
    st.integers(0, 96).map(lambda quarter: quarter * 15) | st.integers(0, 1_440), min_size=2, unique=True
)


@st.composite
def any_hours(draw: st.DrawFn) -> Hours:
    """One to four shifts on some days, on others none."""
    cuts = sorted(draw(CUTS))[:8]
    days = tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1))))
    return Hours(
        tuple(Shift(days, begins, ends) for begins, ends in zip(cuts[::2], cuts[1::2], strict=False))
    )


@settings(max_examples=200, deadline=None)
@given(any_hours(), st.sampled_from(ZONES), st.data())
def test_any_hours_agree_with_the_clock_on_the_wall_also_on_and_about_days_off(hours, zone, data):
    change = data.draw(st.sampled_from(changes_of(zone)), label="change")
    start = change - data.draw(st.integers(0, 30 * 60), label="minutes before") * MINUTE
    local = start.astimezone(ZoneInfo(zone)).date()
    off = data.draw(st.sets(st.sampled_from([local + number * DAY for number in range(3)])), label="off")
    check(hours, zone, start, frozenset(off))


def test_the_offsets_of_a_year_are_those_of_the_clock():
    for zone in ZONES:
        clock = ZoneInfo(zone)
        for year in (1995, 2000, 2027):
            spans = constant_offsets(zone, year)
            assert (spans[0].begins.year, spans[-1].ends) == (year, datetime(year + 1, 1, 1, tzinfo=UTC))
            for span in spans:
                last = (span.ends - SECOND).astimezone(clock).utcoffset()
                assert span.begins.astimezone(clock).utcoffset() == span.ahead == last
            assert all(earlier.ahead != later.ahead for earlier, later in pairwise(spans))

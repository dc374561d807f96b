"""Business time on the days on which the clock changes, in every zone: it is what a clock on the wall counts."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from services.router.domain.hours import WorkingHours, constant_offsets
from shared.policy.hours import Hours, parse_hours

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ALWAYS = "Mon-Sun 00:00-24:00"
YEARS = range(2026, 2029)
ZONES = 120
"""Of some 600; another sample in every run, which `BATON_TEST_SEED` repeats."""
SEED = int(os.environ.get("BATON_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
SHIFTS = [
    "Sun-Thu 16:00-24:00",
    "Mon-Sun 00:00-24:00",
    "Mon-Fri 09:00-17:00",
    "Mon-Sun 00:00-02:30",
    "Mon-Sun 22:00-24:00, Mon-Sun 00:00-01:30",
    "Mon-Sun 01:15-02:45, Mon-Sun 03:00-03:30",
    "Sat-Mon 00:30-01:00, Sat-Mon 23:00-24:00",
]


@pytest.mark.parametrize(
    ("zone", "hours", "at", "length", "deadline"),
    [
        # The clock goes from 23:59:59 on Thursday, 29 April 2027, to 01:00 on Friday.
        ("Africa/Cairo", "Sun-Thu 16:00-24:00", "2027-04-22T17:30Z", 4 * HOUR, "2027-04-22T21:30Z"),
        ("Africa/Cairo", "Sun-Thu 16:00-24:00", "2027-04-29T17:30Z", 4 * HOUR, "2027-04-29T21:30Z"),
        ("Africa/Cairo", ALWAYS, "2027-04-29T20:00Z", 8 * HOUR, "2027-04-30T04:00Z"),
        ("Africa/Cairo", ALWAYS, "2027-04-29T21:30Z", 8 * HOUR, "2027-04-30T05:30Z"),
        # Beirut and Havana change at midnight, too; the hour before or after it is skipped or comes twice.
        ("Asia/Beirut", "Mon-Sun 20:00-24:00", "2027-03-27T20:00Z", 3 * HOUR, "2027-03-28T18:00Z"),
        ("America/Havana", "Mon-Sun 00:00-01:00", "2027-11-07T03:00Z", 2 * HOUR, "2027-11-07T06:00Z"),
        # Berlin skips 02:00 to 03:00 on 28 March 2027 and has it twice on 31 October.
        ("Europe/Berlin", "Sun 00:00-02:30", "2027-03-27T22:00Z", 2 * HOUR, "2027-03-28T01:00Z"),
        ("Europe/Berlin", "Sun 02:30-04:00", "2027-03-28T00:00Z", HOUR, "2027-03-28T02:00Z"),
        ("Europe/Berlin", "Sun 00:00-02:30", "2027-10-30T22:00Z", 3 * HOUR, "2027-10-31T01:30Z"),
        ("Europe/Berlin", ALWAYS, "2027-10-30T20:00Z", 8 * HOUR, "2027-10-31T04:00Z"),
        ("America/New_York", ALWAYS, "2027-03-14T03:00Z", 8 * HOUR, "2027-03-14T11:00Z"),
    ],
)
def test_a_deadline_counts_the_time_that_the_clock_shows_within_a_shift(zone, hours, at, length, deadline):
    found = WorkingHours(parse_hours(hours), zone).deadline(datetime.fromisoformat(at), length)
    assert found == datetime.fromisoformat(deadline)


@pytest.mark.parametrize("at", ["2027-04-29T20:00Z", "2027-04-29T21:30Z", "2027-04-29T22:00Z"])
def test_who_is_always_at_work_is_so_on_the_eve_of_a_change(at):
    assert WorkingHours(parse_hours(ALWAYS), "Africa/Cairo").is_open(datetime.fromisoformat(at))


def is_at_work(hours: Hours, clock: ZoneInfo, at: datetime) -> bool:
    """Tell by the clock on the wall, with nothing else."""
    local = at.astimezone(clock)
    minute = local.hour * 60 + local.minute
    return any(
        local.weekday() in shift.days and shift.begins <= minute < shift.ends for shift in hours.shifts
    )


def changes_of(zone: str) -> list[datetime]:
    """Return when the clock of a zone changes in these years."""
    spans = [span for year in YEARS for span in constant_offsets(zone, year)]
    return [later.begins for earlier, later in pairwise(spans) if earlier.ahead != later.ahead]


def test_zones_agree_with_a_count_minute_by_minute():
    """Around a change of the clock of each zone that has one, else on any day: a sample of zones and shifts."""
    print(f"BATON_TEST_SEED={SEED}")
    chosen = random.Random(SEED)
    for zone in chosen.sample(sorted(available_timezones()), ZONES):
        change = chosen.choice(changes_of(zone) or [datetime(2027, 6, 1, tzinfo=UTC)])
        text = chosen.choice(SHIFTS)
        hours, clock = parse_hours(text), ZoneInfo(zone)
        working = WorkingHours(hours, zone)
        start = change - chosen.randrange(4 * 60, 16 * 60) * MINUTE
        minutes = [start + number * MINUTE for number in range(24 * 60)]
        at_work = [is_at_work(hours, clock, at) for at in minutes]
        assert [working.is_open(at) for at in minutes] == at_work, (zone, text, start)
        worked = [at for at, is_worked in zip(minutes, at_work, strict=True) if is_worked]
        for length in {1, len(worked) // 2, len(worked)} & {*range(1, len(worked) + 1)}:
            deadline = working.deadline(start, length * MINUTE)
            assert deadline == worked[length - 1] + MINUTE, (zone, text, start, length)


def test_the_offsets_of_a_year_are_those_of_the_clock():
    for zone in sorted(available_timezones())[::3]:
        for year in (1995, 2027):
            spans = constant_offsets(zone, year)
            assert (spans[0].begins.year, spans[-1].ends) == (year, datetime(year + 1, 1, 1, tzinfo=UTC))
            for span in spans:
                last = (span.ends - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).utcoffset()
                assert span.begins.astimezone(ZoneInfo(zone)).utcoffset() == span.ahead == last

"""Business time on nights on which the clock changes: it is what a clock on the wall counts.

`tests/property/test_business_time.py` has every zone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.router.domain.hours import WorkingHours
from shared.policy.hours import parse_hours

HOUR = timedelta(hours=1)
ALWAYS = "Mon-Sun 00:00-24:00"


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

"""Caps, absences and ramps of reps agree with plain definitions of them, in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.hours import WorkingHours
from services.router.domain.limits import RepCaps, assigned_at, given_back, microseconds
from services.router.domain.local_days import start_of_day
from services.router.domain.schedule import RepSchedule
from services.router.domain.state import RepRow
from shared.policy.hours import parse_hours
from shared.policy.models import Absence, Cap, Ramp
from tests.support.routing_policies import rep

# Cairo and Santiago skip midnight, Lord Howe moves by half an hour.
ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Africa/Cairo", "America/Santiago", "Australia/Lord_Howe"]
)
# Around the changes of these clocks.
STARTS = st.sampled_from(
    [
        datetime(2026, month, day, tzinfo=UTC)
        for month, day in ((3, 7), (3, 28), (4, 3), (4, 23), (9, 5), (10, 30))
    ]
)
CAPS = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["hour", "day", "1d", "2d", "7d"])),
    min_size=1,
    max_size=3,
    unique_by=lambda cap: cap[1],
).map(lambda given: tuple(Cap(count=count, per=per) for count, per in given))
STEPS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 90 * 60), st.integers(0, 3 * 86_400)),
        st.sampled_from(["assign", "credit back"]),
    ),
    min_size=1,
    max_size=60,
)

INSTANTS = st.integers(0, 75 * 86_400).map(
    lambda after: datetime(2026, 2, 27, tzinfo=UTC) + timedelta(seconds=after)
)


def counts(cap: Cap, assigned: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether an assignment counts under a cap, by definition."""
    if cap.per == "day":
        return assigned.astimezone(zone).date() == now.astimezone(zone).date()
    window = timedelta(hours=1) if cap.per == "hour" else int(cap.per[:-1]) * timedelta(days=1)
    return now - assigned < window


@given(ZONES, STARTS, CAPS, STEPS)
def test_caps_agree_with_a_count_of_all_assignments(zone, start, caps, steps):
    one = rep("one", time_zone=zone, caps=caps)
    limits, row, now, assigned = RepCaps(one), RepRow("one"), start, list[datetime]()
    for after, what in steps:
        now += timedelta(seconds=after, microseconds=after % 7)
        if what == "credit back" and assigned:
            row = given_back(row, assigned.pop(after % len(assigned)))
        number = {cap: sum(counts(cap, one_, now, ZoneInfo(zone)) for one_ in assigned) for cap in caps}
        is_reached = any(count >= cap.count for cap, count in number.items())
        assert (limits.reached(row.assigned, microseconds(now)) is not None) is is_reached
        if not is_reached:
            assigned.append(now)
            row = assigned_at(row, now, limits.depth)
        assert len(row.assigned) <= limits.depth


@given(ZONES, st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_day_begins_at_the_first_instant_that_has_its_date(zone, day):
    clock, begins = ZoneInfo(zone), start_of_day(day, ZoneInfo(zone))
    assert begins.astimezone(clock).date() == day
    assert (begins - timedelta(microseconds=1)).astimezone(clock).date() < day


@given(ZONES, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=4), st.data())
def test_a_rep_is_away_on_all_days_of_an_absence_by_the_own_clock(zone, spans, data):
    first = date(2026, 3, 1)
    absences = [
        (first + timedelta(days=begins), first + timedelta(days=begins + days)) for begins, days in spans
    ]
    hours = data.draw(st.sampled_from([None, "Mon-Fri 09:00-17:00"]))
    away = tuple(Absence.model_validate({"from": str(begins), "to": str(ends)}) for begins, ends in absences)
    working = WorkingHours(parse_hours(hours), zone) if hours else None
    schedule = RepSchedule(rep("one", time_zone=zone, away=away), working)
    for at in data.draw(st.lists(INSTANTS, max_size=20)):
        day = at.astimezone(ZoneInfo(zone)).date()
        is_away = any(begins <= day <= ends for begins, ends in absences)
        state = schedule.at(at)
        assert (state.skipped == "unavailable") is is_away
        if not is_away:
            assert (state.skipped is None) is (working is None or working.is_open(at))
        fresh = RepSchedule(rep("one", time_zone=zone, away=away), working).at(at)
        assert fresh._replace(ends=state.ends) == state, "what is cached is what would be computed"
        assert state.ends > at
        back = schedule.next_free(at)
        assert (back == at) is (state.skipped is None)
        assert back is None or schedule.at(back).skipped is None


@given(st.integers(1, 1_000), st.integers(1, 24), st.dates(date(2026, 1, 1), date(2027, 1, 31)), ZONES)
def test_a_ramp_grows_month_by_month_to_the_whole_weight(weight, months, begins, zone):
    ramp = Ramp.model_validate({"from": str(begins), "months": months})
    schedule = RepSchedule(rep("one", time_zone=zone, weight=weight, ramp=ramp), None)
    start = start_of_day(begins, ZoneInfo(zone))
    weights = [schedule.at(start + timedelta(days=day)).weight for day in range(-1, 32 * months)]
    assert weights[0] == weights[1] == max(1, weight // months)
    assert weights[-1] == weight
    assert all(before <= after for before, after in pairwise(weights))
    assert {*weights} == {max(1, weight * month // months) for month in range(1, months + 1)}

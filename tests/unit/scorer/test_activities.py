"""Activities: each one once, in the order of time, the newest ones kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.scorer.domain.activities import ACTIVITIES_MAX, activity_of, merge_activities
from shared.errors import DataError
from shared.lead.events.parts import Activity
from tests.support.enriched_leads import AT, DAY, did, signal

HOUR = timedelta(hours=1)


def test_activities_are_in_the_order_of_time_whatever_order_they_came_in():
    late, early = did("call"), did("webinar", DAY)
    assert merge_activities([late], [early]) == merge_activities([early], [late]) == [early, late]


def test_an_activity_that_was_reported_twice_is_kept_once():
    viewed = did("page_view", url="/pricing", details={"seats": 5})
    assert merge_activities([viewed], [viewed, viewed]) == [viewed]


@pytest.mark.parametrize(
    "other",
    [
        did("page_view", HOUR, url="/pricing", details={"seats": 5}),
        did("pricing_view", url="/pricing", details={"seats": 5}),
        did("page_view", url="/blog", details={"seats": 5}),
        did("page_view", details={"seats": 5}),
        did("page_view", url="/pricing", details={"seats": 6}),
        did("page_view", url="/pricing"),
    ],
    ids=["time", "type", "url", "no url", "details", "no details"],
)
def test_activities_that_differ_in_anything_are_two(other):
    viewed = did("page_view", url="/pricing", details={"seats": 5})
    assert len(merge_activities([viewed], [other])) == 2


def test_the_same_instant_in_two_time_zones_is_one_activity():
    here, there = did("call"), Activity("call", AT.astimezone(timezone(5 * HOUR)))
    assert merge_activities([here], [there]) == [here]


def test_the_oldest_activities_beyond_the_bound_are_dropped():
    many = [did("call", number * HOUR) for number in range(ACTIVITIES_MAX + 5)]
    kept = merge_activities(many[:100], many[100:])
    assert len(kept) == ACTIVITIES_MAX
    assert (kept[0], kept[-1]) == (many[ACTIVITIES_MAX - 1], many[0])


def test_nothing_stored_and_nothing_received_is_nothing():
    assert merge_activities([], []) == []


# The activity that a signal reports


def test_an_activity_happened_when_its_signal_did():
    reported = signal("activity", ago=HOUR, details={"activity": {"type": "call"}})
    assert activity_of(reported) == Activity("call", AT - HOUR)


def test_an_activity_may_say_when_it_happened():
    activity = {"type": "call", "at": "2026-02-01T10:00:00Z", "url": "/x", "details": {"minutes": 5}}
    assert activity_of(signal("activity", details={"activity": activity})) == Activity(
        "call", datetime(2026, 2, 1, 10, tzinfo=UTC), "/x", {"minutes": 5}
    )


@pytest.mark.parametrize("details", [{}, {"activity": "call"}, {"activity": ["call"]}, {"activity": None}])
def test_a_signal_without_an_activity_is_refused(details):
    with pytest.raises(DataError, match=r"needs details\.activity"):
        activity_of(signal("activity", details=details))


@pytest.mark.parametrize(
    ("activity", "fault"),
    [
        ({}, "type"),
        ({"type": ""}, "type"),
        ({"type": 3}, "type"),
        ({"type": "call", "at": "yesterday"}, "at"),
        ({"type": "call", "at": "2026-02-01T10:00:00"}, "at"),
        ({"type": "call", "url": 5}, "url"),
    ],
)
def test_a_malformed_activity_is_refused_with_the_field_at_fault(activity, fault):
    with pytest.raises(DataError, match=rf"details\.activity: .*{fault}") as refused:
        activity_of(signal("activity", details={"activity": activity}))
    assert refused.value.kind == "activity"

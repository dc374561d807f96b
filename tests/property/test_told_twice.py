"""What was told twice counts once: signals and activities, in any order and any spelling, batched or not."""

from __future__ import annotations

import random
from datetime import timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.merge import merge_activities as merged_by_enricher
from services.scorer.domain.activities import merge_activities
from services.scorer.domain.stored_signals import content_id, merged_signals, stored_signal
from shared.lead.arrival import CLOCK_SKEW, received_activity
from shared.lead.duplicates import activity_identity
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from tests.support.enriched_leads import AT, DAY, signal

details = st.dictionaries(
    st.sampled_from(["amount", "series", "since", "count"]),
    st.sampled_from([1, 2, "A", "2026-01-05T10:00:00Z", True]),
    max_size=3,
)
days_ago = st.integers(-400, 400).map(lambda days: days * DAY)
signals = st.builds(
    lambda type_, ago, about, facts: signal(type_, ago=ago, email=about, details=facts),
    st.sampled_from(["funding_round", "executive_hire"]),
    days_ago,
    st.sampled_from([None, "ana@kestrel.example", "bob@kestrel.example"]),
    details,
)
activities = st.builds(
    lambda type_, ago, url, facts: Activity(type_, AT - ago, url, facts),
    st.sampled_from(["call", "demo_request"]),
    days_ago,
    st.sampled_from([None, "/pricing"]),
    details,
)
spellings = st.randoms(use_true_random=False)


def respelled(facts: dict[str, Any], spelling: random.Random) -> dict[str, Any]:
    """Return the same details in another order of keys, with another spelling of times and numbers."""
    other = {"2026-01-05T10:00:00Z": "2026-01-05T11:00:00.000+01:00", 2: 2.0}
    items = [(name, other.get(value, value) if value is not True else value) for name, value in facts.items()]
    spelling.shuffle(items)
    return dict(items) | ({"note": None} if spelling.random() < 0.5 else {})


def told_again(told: SignalReceivedV1, spelling: random.Random) -> SignalReceivedV1:
    zone = timezone(timedelta(hours=spelling.randrange(-12, 13)))
    at = told.occurred_at.astimezone(zone).replace(microsecond=spelling.randrange(1_000_000))
    return replace(told, occurred_at=at, details=respelled(told.details, spelling))


@given(st.lists(signals, max_size=6), spellings, st.integers(1, 4))
def test_signals_count_once_however_often_they_are_told(told, spelling, parts):
    again = [told_again(one, spelling) for one in told for _ in range(spelling.randrange(1, 3))]
    spelling.shuffle(again)
    stored = [
        stored_signal(one, f"event-{number}", AT + number * CLOCK_SKEW)
        for number, one in enumerate([*told, *again])
    ]
    at_once = merged_signals(stored)
    in_parts: dict[str, Any] = {}
    for start in range(0, len(stored), parts):
        in_parts = merged_signals(in_parts.values(), stored[start : start + parts])
    assert in_parts == at_once
    assert at_once.keys() == {content_id(one) for one in told}
    assert all(one.occurred_at <= AT + len(stored) * CLOCK_SKEW for one in at_once.values())


reports = st.builds(
    lambda type_, days, facts, lasts, strength, number: replace(
        signal(
            type_,
            ago=days * DAY,
            details=facts,
            expires_at=None if lasts is None else AT + lasts * DAY,
            external_id=number,
        ),
        strength=strength,
    ),
    st.sampled_from(["funding_round", "executive_hire"]),
    st.integers(0, 2),
    st.sampled_from([{}, {"series": "A"}]),
    st.none() | st.integers(-1, 2),
    st.sampled_from([None, 40, 70]),
    st.sampled_from([None, "n-1", "n-2"]),
)


@given(st.lists(reports, max_size=8), st.data(), st.integers(1, 3))
def test_what_is_stored_of_signals_does_not_depend_on_their_order(told, data, parts):
    stored = [stored_signal(one, f"event-{number}", AT) for number, one in enumerate(told)]
    shuffled = data.draw(st.permutations(stored))
    in_parts: dict[str, Any] = {}
    for start in range(0, len(stored), parts):
        in_parts = merged_signals(in_parts.values(), shuffled[start : start + parts])
    assert in_parts == merged_signals(stored)
    assert merged_signals(in_parts.values(), stored) == in_parts


@given(st.lists(activities, max_size=6), spellings)
def test_activities_count_once_by_whatever_way_they_come(told, spelling):
    again = [
        replace(one, at=one.at.astimezone(timezone(DAY / 8)), details=respelled(one.details, spelling))
        for one in told
    ]
    received = [received_activity(one, AT) for one in told]
    late = [received_activity(one, AT + DAY) for one in again]
    merged = merge_activities(received, late)
    assert len(merged) == len({activity_identity(one) for one in told})
    assert merge_activities(merged, late) == merge_activities(merged, received) == merged
    assert merged_by_enricher(received, late) == merged_by_enricher(late, received)
    assert len(merged_by_enricher(received, late)) == len(merged)
    assert all(one.at <= AT + CLOCK_SKEW for one in merge_activities([], received))

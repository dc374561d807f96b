"""How many calls a vendor takes in a minute and in a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.enricher.call_quota import CallQuota

AT = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)


def test_without_limits_nothing_is_used_up():
    quota = CallQuota()
    assert all(quota.count(AT, float(number)) is None for number in range(1_000))


def test_the_calls_of_a_minute_are_a_sliding_window():
    quota = CallQuota(per_minute=3)
    assert [quota.count(AT, second) for second in (0.0, 10.0)] == [None, None]
    reached = quota.count(AT, 20.0)
    assert reached is not None
    assert reached.reason == "its 3 calls of a minute are made"
    assert reached.ends_in_s == pytest.approx(40)
    again = quota.count(AT, 61.0)
    assert again is not None
    assert again.ends_in_s == pytest.approx(9)
    assert quota.count(AT, 300.0) is None


def test_the_calls_of_a_day_end_with_it():
    quota = CallQuota(per_day=2)
    assert quota.count(AT, 0.0) is None
    reached = quota.count(AT, 1.0)
    assert reached is not None
    assert (reached.reason, reached.ends_in_s) == ("its 2 calls of a day are made", 3600)
    assert quota.count(AT + timedelta(hours=1), 3_600.0) is None

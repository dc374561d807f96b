"""The sliding window: no more than the limit in any window, exact waits, and bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.resilience.sliding_window import Quota, SlidingWindowLimiter
from tests.support.fixed_clock import FixedClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.integers(1, 5), st.lists(st.integers(0, 40_000), max_size=40))
def test_no_window_has_more_than_the_limit_and_waits_are_long_enough(limit, pauses_ms):
    time = FixedClock(START)
    limiter = SlidingWindowLimiter()
    passed: list[datetime] = []
    for pause_ms in pauses_ms:
        time.at += timedelta(milliseconds=pause_ms)
        quota = limiter.take(time.at, ("key", limit))[0]
        if quota.retry_after_s == 0:
            passed.append(time.at)
        else:
            later = time.at + timedelta(seconds=quota.retry_after_s)
            assert sum(at > later - timedelta(seconds=60) for at in passed) < limit
        in_window = [at for at in passed if at > time.at - timedelta(seconds=60)]
        assert len(in_window) <= limit
        assert quota.remaining == limit - len(in_window)


def test_looking_counts_nothing():
    time = FixedClock(START)
    limiter = SlidingWindowLimiter()
    for _ in range(5):
        assert limiter.look(time.at, "key", 2) == Quota(2, 2, 0)
    limiter.take(time.at, ("key", 2))
    limiter.take(time.at, ("key", 2))
    assert limiter.look(time.at, "key", 2) == Quota(2, 0, 60, 60)
    time.at += timedelta(seconds=61)
    assert limiter.look(time.at, "key", 2) == Quota(2, 2, 0)


def test_keys_that_were_not_used_for_long_are_forgotten():
    limiter = SlidingWindowLimiter(keys_max=10)
    for key in range(1000):
        limiter.take(START, (key, 1))
    assert len(limiter) == 10
    assert limiter.take(START, (999, 1))[0].retry_after_s > 0
    assert limiter.take(START, (0, 1))[0].retry_after_s == 0


def test_an_exceeded_limit_takes_nothing_from_those_that_follow():
    limiter = SlidingWindowLimiter()
    for _ in range(3):
        quotas = limiter.take(START, ("address", 1), ("source", 2))
    assert [quota.retry_after_s > 0 for quota in quotas] == [True]
    assert limiter.look(START, "source", 2).remaining == 1

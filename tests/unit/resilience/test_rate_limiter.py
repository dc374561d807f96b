"""The token bucket: how long callers wait for their token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.resilience.rate_limiter import TokenBucket


def test_a_burst_of_one_second_is_free_and_later_callers_wait_in_order(clock):
    bucket = TokenBucket(per_second=4, monotonic_s=clock)
    assert [bucket.reserve() for _ in range(6)] == pytest.approx([0, 0, 0, 0, 0.25, 0.5])


def test_a_long_idle_time_saves_up_one_second_of_tokens_only(clock):
    bucket = TokenBucket(per_second=2, monotonic_s=clock)
    bucket.reserve()
    clock.now_s += 1_000
    assert [bucket.reserve() for _ in range(3)] == pytest.approx([0, 0, 0.5])


def test_the_delay_is_what_the_next_reservation_waits(clock):
    bucket = TokenBucket(per_second=2, monotonic_s=clock)
    for _ in range(5):
        assert bucket.delay_s() == bucket.reserve()


def test_a_pause_issues_no_token_before_its_end(clock):
    bucket = TokenBucket(per_second=10, monotonic_s=clock)
    bucket.pause(2)
    assert bucket.delay_s() == 2
    clock.now_s += 3
    assert bucket.delay_s() == 0


def test_a_shorter_pause_does_not_end_a_longer_one(clock):
    bucket = TokenBucket(per_second=10, monotonic_s=clock)
    bucket.pause(2)
    bucket.pause(1)
    assert bucket.delay_s() == 2


@given(per_second=st.integers(1, 50), gaps=st.lists(st.floats(0, 2), max_size=150))
def test_no_second_has_more_calls_than_the_rate_and_one_burst(per_second, gaps):
    now_s, sent_at = 100.0, []
    bucket = TokenBucket(per_second, monotonic_s=lambda: now_s)
    for gap in gaps:
        now_s += gap
        sent_at.append(now_s + bucket.reserve())
    for first in sent_at:
        within_a_second = [at for at in sent_at if first <= at < first + 1 - 1e-9]
        assert len(within_a_second) <= 2 * per_second

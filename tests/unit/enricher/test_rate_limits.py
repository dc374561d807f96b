"""The pace of asking a provider, and the breaker that leaves a failing one alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.enricher.domain.rate_limits import FAILURES_MAX, OPEN_S, CircuitBreaker, TokenBucket


def test_as_many_as_in_a_second_go_at_once_after_a_pause_and_the_next_waits():
    bucket = TokenBucket(per_second=4)
    waits = [_taken(bucket, 100.0) for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0, 0.25, 0.5])


def test_a_long_pause_saves_up_no_more_than_a_second():
    bucket = TokenBucket(per_second=2)
    _taken(bucket, 0.0)
    assert [_taken(bucket, 1_000.0) for _ in range(3)] == pytest.approx([0, 0, 0.5])


def test_nothing_goes_before_the_end_of_a_hold():
    bucket = TokenBucket(per_second=10)
    bucket.hold(7.0)
    assert bucket.wait_s(5.0) == 2
    assert bucket.wait_s(8.0) == 0
    bucket.hold(6.0)
    assert bucket.wait_s(5.0) == 2, "a shorter hold does not end a longer one"


@given(per_second=st.integers(1, 50), pauses=st.lists(st.floats(0, 2), max_size=150))
def test_no_second_has_more_than_the_pace_and_what_was_saved_up(per_second, pauses):
    bucket, now, went = TokenBucket(per_second), 100.0, []
    for pause in pauses:
        now += pause
        went.append(now + _taken(bucket, now))
    for first in went:
        in_a_second = [each for each in went if first <= each < first + 1 - 1e-9]
        assert len(in_a_second) <= 2 * per_second


def test_failures_in_a_row_open_the_breaker():
    breaker = _opened(at=0.0)
    assert breaker.state(OPEN_S - 0.1) == "open"
    assert not breaker.enter(OPEN_S - 0.1)


def test_a_success_between_failures_keeps_the_breaker_closed():
    breaker = CircuitBreaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(0.0)
    assert breaker.state(0.0) == "closed"
    assert breaker.enter(0.0)


def test_one_call_tries_a_half_open_breaker_while_the_others_are_kept_out():
    breaker = _opened(at=0.0)
    assert breaker.state(OPEN_S) == "half_open"
    assert [breaker.enter(OPEN_S) for _ in range(3)] == [True, False, False]


def test_a_try_that_succeeds_closes_the_breaker():
    breaker = _opened(at=0.0)
    breaker.enter(OPEN_S)
    breaker.succeeded()
    assert all(breaker.enter(OPEN_S) for _ in range(3))


def test_a_try_that_fails_opens_the_breaker_for_as_long_again():
    breaker = _opened(at=0.0)
    breaker.enter(OPEN_S)
    breaker.failed(OPEN_S + 1)
    assert not breaker.enter(2 * OPEN_S)
    assert breaker.enter(2 * OPEN_S + 1)


def test_a_try_that_tells_nothing_lets_another_try():
    breaker = _opened(at=0.0)
    breaker.enter(OPEN_S)
    breaker.left()
    assert breaker.enter(OPEN_S)


def _taken(bucket: TokenBucket, now_s: float) -> float:
    """Take a token, and return how long the call waits for it."""
    wait_s = bucket.wait_s(now_s)
    bucket.take(now_s)
    return wait_s


def _opened(at: float) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(FAILURES_MAX):
        breaker.failed(at)
    return breaker

"""The circuit breaker: when calls may go."""

from __future__ import annotations

import pytest

from shared.resilience.circuit_breaker import FAILURES_MAX, OPEN_S, CircuitBreaker


@pytest.fixture
def breaker(clock) -> CircuitBreaker:
    return CircuitBreaker(monotonic_s=clock)


@pytest.fixture
def opened(breaker) -> CircuitBreaker:
    for _ in range(FAILURES_MAX):
        assert breaker.allow_call()
        breaker.record_failure()
    return breaker


def test_consecutive_failures_open_it_and_no_call_goes(opened, clock):
    clock.now_s += OPEN_S - 0.1
    assert opened.state == "open"
    assert not opened.allow_call()


def test_a_success_between_failures_keeps_it_closed(breaker):
    for _ in range(FAILURES_MAX - 1):
        breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()
    assert breaker.state == "closed"
    assert breaker.allow_call()


def test_half_open_lets_one_trial_call_go(opened, clock):
    clock.now_s += OPEN_S
    assert opened.state == "half_open"
    assert [opened.allow_call() for _ in range(3)] == [True, False, False]


def test_a_successful_trial_closes_it(opened, clock):
    clock.now_s += OPEN_S
    opened.allow_call()
    opened.record_success()
    assert all(opened.allow_call() for _ in range(3))


def test_a_failed_trial_opens_it_for_as_long_again(opened, clock):
    clock.now_s += OPEN_S
    opened.allow_call()
    clock.now_s += 1
    opened.record_failure()
    clock.now_s += OPEN_S - 1
    assert not opened.allow_call()
    clock.now_s += 1
    assert opened.allow_call()


def test_a_trial_without_a_result_lets_another_one_go(opened, clock):
    clock.now_s += OPEN_S
    opened.allow_call()
    opened.record_no_result()
    assert opened.allow_call()


def test_a_call_without_a_result_counts_neither_as_success_nor_as_failure(breaker):
    for _ in range(FAILURES_MAX - 1):
        breaker.record_failure()
    breaker.record_no_result()
    assert breaker.state == "closed"
    breaker.record_failure()
    assert breaker.state == "open"

"""Whether a service may be called: after failures, refusals and limits, and how it comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.resilience.availability import (
    FAILURES_MAX,
    FIRST_INTERVAL_S,
    LONGEST_INTERVAL_S,
    Availability,
)
from tests.support.fixed_clock import FixedClock


@pytest.fixture
def wall() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def service(wall, clock) -> Availability:
    return Availability(wall, monotonic_s=clock)


def fail(service: Availability, times: int = FAILURES_MAX) -> None:
    for _ in range(times):
        service.record_failure("open", "status 500")


def test_it_is_open_until_so_many_calls_failed_in_a_row(service, clock):
    fail(service, FAILURES_MAX - 1)
    service.record_success("open")
    fail(service, FAILURES_MAX - 1)
    assert (service.access, service.state) == ("open", "active")
    fail(service, 1)
    assert (service.access, service.state, service.reason) == ("closed", "failing", "status 500")
    clock.now_s += FIRST_INTERVAL_S["failing"] - 0.1
    assert service.access == "closed"


def test_one_refused_call_pauses_it(service):
    service.record_refused("open", "status 401")
    assert (service.access, service.state, service.reason) == ("closed", "paused", "status 401")


def test_after_the_interval_one_trial_goes_at_a_time(service, clock):
    service.record_refused("open", "status 401")
    clock.now_s += FIRST_INTERVAL_S["paused"]
    assert service.access == "trial"
    service.begin_trial()
    assert service.access == "closed"
    service.end_trial()  # without a result, such as a cancelled one
    assert service.access == "trial"


def test_a_trial_that_works_ends_the_pause(service, clock):
    service.record_refused("open", "status 401")
    clock.now_s += FIRST_INTERVAL_S["paused"]
    service.record_success("trial")
    assert (service.access, service.state, service.reason) == ("open", "active", "")


@pytest.mark.parametrize("state", ["paused", "failing", "limited"])
def test_each_trial_that_does_not_work_doubles_the_interval_up_to_a_longest(service, clock, state):
    def record(access):
        match state:
            case "paused":
                service.record_refused(access, "no")
            case "limited":
                service.record_limited(access, "no", 0.0)
            case _:
                service.record_failure(access, "no")

    for _ in range(FAILURES_MAX):
        record("open")
    assert service.state == state
    interval_s = FIRST_INTERVAL_S[state]
    for _ in range(15):
        clock.now_s += interval_s - 0.1
        assert service.access == "closed"
        clock.now_s += 0.1
        assert service.access == "trial"
        record("trial")
        interval_s = min(2 * interval_s, LONGEST_INTERVAL_S[state])
    assert interval_s == LONGEST_INTERVAL_S[state]


def test_a_limit_lasts_as_long_as_the_service_says(service, clock):
    service.record_limited("open", "status 429", 600.0)
    clock.now_s += 599
    assert service.access == "closed"
    clock.now_s += 1
    assert service.access == "trial"


def test_calls_that_began_before_a_pause_neither_end_nor_prolong_it(service, clock):
    service.record_limited("open", "status 429", 7.0)
    service.record_limited("open", "status 429", 60.0)
    service.record_success("open")
    assert (service.access, service.state) == ("closed", "limited")
    clock.now_s += 7
    assert service.access == "trial"


def test_a_clock_that_is_moved_on_ends_a_pause_too(service, wall):
    service.record_refused("open", "status 401")
    wall.advance(timedelta(hours=1))
    assert service.access == "trial"

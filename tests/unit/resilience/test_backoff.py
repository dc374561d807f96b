from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.resilience.backoff import Backoff

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DELAYS = st.lists(st.timedeltas(timedelta(), timedelta(days=2)), max_size=12).map(tuple)


@given(DELAYS)
def test_each_delay_is_used_once_and_in_order(delays):
    backoff = Backoff(delays)
    assert backoff.attempts_max == len(delays) + 1
    times = [backoff.next_attempt_at(attempts, AT) for attempts in range(1, backoff.attempts_max)]
    assert times == [AT + delay for delay in delays]


@given(DELAYS, st.integers())
def test_there_is_a_next_attempt_only_after_a_failed_one_and_before_the_last(delays, attempts):
    backoff = Backoff(delays)
    assert (backoff.next_attempt_at(attempts, AT) is None) != (1 <= attempts <= len(delays))

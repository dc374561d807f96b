from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.delivery import ATTEMPTS_MAX, GIVEN_UP_AFTER, retry_at

INSTANTS = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(INSTANTS, st.lists(st.integers(0, 10_000), min_size=ATTEMPTS_MAX, max_size=ATTEMPTS_MAX))
def test_waits_grow_and_end_whatever_each_attempt_takes(at, takes_ms):
    waits, first = [], at
    for attempts, ms in enumerate(takes_ms, start=1):
        at += timedelta(milliseconds=ms)
        again = retry_at(attempts, at)
        if again is None:
            break
        waits.append(again - at)
        at = again
    assert len(waits) == ATTEMPTS_MAX - 1
    assert waits == sorted(waits)
    assert waits[0] > timedelta()
    assert at - first < GIVEN_UP_AFTER


@given(st.integers(), INSTANTS)
def test_only_a_made_attempt_is_followed_by_another(attempts, at):
    assert (retry_at(attempts, at) is not None) == (1 <= attempts < ATTEMPTS_MAX)

"""The retry schedule of webhooks: waits grow, end, and are bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.router.delivery.retry_schedule import GIVEN_UP_AFTER, RETRIES, after_attempt
from services.router.domain.delivery import DeliveryAttempt, new_delivery

INSTANTS = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ATTEMPTS = st.builds(
    DeliveryAttempt,
    status=st.none() | st.sampled_from([200, 204, 301, 410, 429, 500, 503]),
    error=st.none() | st.text(max_size=600),
    retry_after=st.none() | st.timedeltas(timedelta(), timedelta(days=1)),
)


@given(
    INSTANTS, st.lists(st.integers(0, 10_000), min_size=RETRIES.attempts_max, max_size=RETRIES.attempts_max)
)
def test_waits_grow_and_end_however_long_each_attempt_takes(at, durations_ms):
    waits, first = [], at
    for attempts, ms in enumerate(durations_ms, start=1):
        at += timedelta(milliseconds=ms)
        next_at = RETRIES.next_attempt_at(attempts, at)
        if next_at is None:
            break
        waits.append(next_at - at)
        at = next_at
    assert len(waits) == RETRIES.attempts_max - 1
    assert waits == sorted(waits)
    assert waits[0] > timedelta()
    assert at - first < GIVEN_UP_AFTER


@given(INSTANTS, st.lists(ATTEMPTS, min_size=1, max_size=30))
def test_whatever_the_target_answers_a_delivery_is_pending_or_finished_for_good(at, attempts):
    """Pending means due later with a body; finished means no further attempt. Failures are kept, 20 at most."""
    row = new_delivery("d", "s", "https://x", event_id="e", event_type="t", lead_id="l", body=b"{}", at=at)
    for number, attempt in enumerate(attempts, start=1):
        row = after_attempt(row, attempt, at)
        assert row.attempts == number
        assert (row.next_attempt_at is not None) == (row.state == "pending")
        if row.state != "pending":
            assert row.state == "delivered" if attempt.delivered else row.state in ("gone", "failed")
            break
        assert row.next_attempt_at is not None
        assert row.next_attempt_at - at >= (attempt.retry_after or timedelta())
        assert row.body is not None
        assert len(row.last_error or "") <= 500
        at = row.next_attempt_at
    failed = sum(not attempt.delivered for attempt in attempts[: row.attempts])
    assert len(row.failures or []) == min(failed, 20)

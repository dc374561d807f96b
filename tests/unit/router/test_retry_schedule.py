"""When a failed delivery is tried again, and what is stored after each attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.router.delivery.retry_schedule import GIVEN_UP_AFTER, RETRIES, after_attempt
from services.router.domain.delivery import DeliveryAttempt, DeliveryRow, new_delivery
from shared.webhooks import FailedAttempt
from tests.support.scored_leads import AT

LATER = AT + timedelta(seconds=3)
FAILED = DeliveryAttempt(503, "answered 503")


@pytest.fixture
def row() -> DeliveryRow:
    """A delivery that was not attempted yet."""
    return new_delivery(
        "d", "hooks", "https://hooks.example/",
        event_id="event-1", event_type="baton.lead.routed.v1", lead_id="lead-1", body=b"{}", at=AT,
    )  # fmt: skip


def test_the_waits_are_those_that_are_documented(row):
    waits = []
    while True:
        row = after_attempt(row, FAILED, AT)
        if row.next_attempt_at is None:
            break
        waits.append(row.next_attempt_at - AT)
    seconds, minutes, hours = (
        [timedelta(seconds=amount) for amount in (5, 30)],
        [timedelta(minutes=amount) for amount in (2, 10, 30)],
        [timedelta(hours=amount) for amount in (2, 6, 12, 12, 12, 24)],
    )
    assert waits == seconds + minutes + hours
    assert (row.state, row.attempts, row.body) == ("failed", 12, b"{}")
    assert sum(waits, timedelta()) < GIVEN_UP_AFTER


def test_a_delivery_that_arrives_is_finished_and_drops_its_body(row):
    delivered = after_attempt(row, DeliveryAttempt(204), LATER)
    assert (delivered.state, delivered.delivered_at, delivered.next_attempt_at) == ("delivered", LATER, None)
    assert (delivered.attempts, delivered.last_status, delivered.last_error) == (1, 204, None)
    assert (delivered.body, delivered.failures) == (None, None)


def test_a_failure_is_stored_with_its_time_status_and_reason(row):
    failed = after_attempt(row, FAILED, LATER)
    assert (failed.state, failed.attempts, failed.body) == ("pending", 1, b"{}")
    assert (failed.last_status, failed.last_error) == (503, "answered 503")
    assert failed.next_attempt_at == LATER + timedelta(seconds=5)
    assert failed.failures == [FailedAttempt(LATER, 503, "answered 503")]


def test_a_target_that_is_gone_gets_no_further_attempt(row):
    gone = after_attempt(row, DeliveryAttempt(410, "answered 410"), LATER)
    assert (gone.state, gone.next_attempt_at, gone.body) == ("gone", None, None)
    assert gone.failures == [FailedAttempt(LATER, 410, "answered 410")]


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [(None, 5), (timedelta(0), 5), (timedelta(seconds=4), 5), (timedelta(seconds=6), 6)],
)
def test_the_next_attempt_is_the_later_of_the_schedule_and_retry_after(row, retry_after, wait):
    attempt = DeliveryAttempt(429, "answered 429", retry_after)
    assert after_attempt(row, attempt, AT).next_attempt_at == AT + timedelta(seconds=wait)


def test_retry_after_does_not_prolong_the_last_attempt(row):
    for _ in range(RETRIES.attempts_max):
        row = after_attempt(row, DeliveryAttempt(429, "answered 429", timedelta(days=1)), AT)
    assert (row.state, row.next_attempt_at) == ("failed", None)


@pytest.mark.parametrize(
    ("error", "stored"), [(None, ""), ("", ""), ("x" * 500, "x" * 500), ("y" * 501, "y" * 500)]
)
def test_reasons_are_cut_to_500_characters(row, error, stored):
    failed = after_attempt(row, DeliveryAttempt(None, error), AT)
    assert failed.failures == [FailedAttempt(AT, None, stored)]
    assert (failed.last_error or "") == stored

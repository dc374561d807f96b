"""When a failed delivery is tried again, and when it is given up. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from services.router.domain.delivery import DeliveryAttempt, DeliveryRow
from shared.resilience.backoff import Backoff
from shared.webhooks import FailedAttempt

RETRIES: Final = Backoff(
    (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
        timedelta(hours=12),
        timedelta(hours=12),
        timedelta(hours=12),
        timedelta(hours=24),
    )
)
GIVEN_UP_AFTER: Final = timedelta(days=3)
"""A delivery that no process could try is failed after this time, which is longer than all retries take."""
_GONE: Final = 410
_ERROR_LENGTH_MAX: Final = 500
_FAILURES_KEPT: Final = 20


def after_attempt(row: DeliveryRow, attempt: DeliveryAttempt, at: datetime) -> DeliveryRow:
    """Return the delivery after an attempt at `at`: delivered, gone (status 410), failed, or due again.

    A delivered or gone delivery drops its body, since it is not sent again by itself. `Retry-After` may
    postpone the next attempt, but not bring it forward.
    """
    error = attempt.error[:_ERROR_LENGTH_MAX] if attempt.error else None
    row = replace(row, attempts=row.attempts + 1, last_status=attempt.status, last_error=error)
    if attempt.delivered:
        return replace(row, state="delivered", delivered_at=at, next_attempt_at=None, body=None)
    failure = FailedAttempt(at, attempt.status, error or "")
    row = replace(row, failures=[*(row.failures or ()), failure][-_FAILURES_KEPT:])
    if attempt.status == _GONE:
        return replace(row, state="gone", next_attempt_at=None, body=None)
    next_at = RETRIES.next_attempt_at(row.attempts, at)
    if next_at is None:
        return replace(row, state="failed", next_attempt_at=None)
    if attempt.retry_after is not None:
        next_at = max(next_at, at + attempt.retry_after)
    return replace(row, state="pending", next_attempt_at=next_at)

"""When a failed delivery is tried again, and when it is given up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from services.router.domain.delivery import LEASE, DeliveryAttempt, DeliveryRow
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


def after_leased_attempt(row: DeliveryRow, attempt: DeliveryAttempt, at: datetime) -> DeliveryRow:
    """Return the delivery after an attempt of the retrier; `row` is as it was before it was leased.

    An attempt before its time was made because a later event of the lead waits. Its failure is recorded and
    changes nothing of the schedule, so that many events of a lead do not use up the attempts.
    """
    after = after_attempt(row, attempt, at)
    is_early = row.next_attempt_at is not None and row.next_attempt_at > at
    if not is_early or after.state in ("delivered", "gone"):
        return after
    return replace(after, state="pending", attempts=row.attempts, next_attempt_at=row.next_attempt_at)


def due_after(settled: DeliveryRow, waiting: Iterable[DeliveryRow], at: datetime) -> Iterator[DeliveryRow]:
    """Yield the deliveries of the same lead that wait for a settled one, with the times when they are due.

    The next one is due at once if the settled one is finished, whether it arrived or was given up. Else all
    are due some time after its next attempt, so that it is alone then.
    """
    pending = sorted((row for row in waiting if row.state == "pending"), key=lambda row: row.sequence or 0)
    if settled.next_attempt_at is None:
        yield from (replace(row, next_attempt_at=at) for row in pending[:1])
    else:
        due_at = settled.next_attempt_at + LEASE
        yield from (replace(row, next_attempt_at=due_at) for row in pending)

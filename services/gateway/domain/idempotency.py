"""What the gateway remembers of the names that callers with an API key give to what they send. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

from shared.errors import Reject
from shared.storage.rows import Row

IN_FLIGHT: Final = "in_flight"
PUBLISHED: Final = "published"

_IN_FLIGHT_MAX: Final = timedelta(seconds=30)
"""Longer than a request waits for the stream. What is still in flight then was interrupted by a crash."""


class IdempotencyRecord(Row, frozen=True):
    """One name within its scope, and the body that it was given to.

    `id` is the hash of scope and name, `body_hash` that of what was read. `state` is `in_flight` until the
    stream has acknowledged the event. The rows hold no text of a client; `subject` is there for erasure.
    """

    id: str
    body_hash: str
    event_id: str
    subject: str
    state: str
    created_at: datetime
    table: ClassVar[str] = "idempotency_records"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    once: ClassVar[bool] = True


def reused_name(record: IdempotencyRecord, stored: IdempotencyRecord, now: datetime) -> Reject | None:
    """Return the rejection of a body whose name is stored with another body, None when it is the same body.

    While the first body is in flight it is a 409: whether that one was accepted is not known yet.
    """
    if record.body_hash == stored.body_hash:
        return None
    kind, title = "idempotency-key-reused", "This id or Idempotency-Key was used with another body"
    if stored.state == IN_FLIGHT and now - stored.created_at < _IN_FLIGHT_MAX:
        return Reject(409, kind, title, "The first one is still in flight", headers=(("retry-after", "1"),))
    return Reject(422, kind, title, "Send another body under an id or key of its own")

"""Webhook deliveries: who gets which event, what is sent, and what becomes of an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.lead.events.times import rfc3339
from shared.lead.ids import derive_id
from shared.storage.rows import Row
from shared.webhooks import EVERYTHING, TRIAL, FailedAttempt

DELIVER: Final = "router-deliver"

RETRY_AFTER: Final = (
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
ATTEMPTS_MAX: Final = len(RETRY_AFTER) + 1
GIVEN_UP_AFTER: Final = timedelta(days=3)
_GONE: Final = 410
_ERROR_LENGTH_MAX: Final = 500
_FAILURES_KEPT: Final = 20

DeliveryState = Literal["pending", "delivered", "failed", "gone"]


class DeliveryRow(Row, frozen=True):
    """One event for one endpoint. While it is pending, `next_attempt_at` says when, `body` what is sent.

    What is sent again after its body was let go has none: the ledger still has the event. `failures` are the
    attempts that were not taken, the latest of them.
    """

    id: str
    subscription_id: str
    event_id: str
    event_type: str
    lead_id: str
    url: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None
    body: bytes | None
    failures: list[FailedAttempt] | None = None
    table: ClassVar[str] = "deliveries"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    indexed: ClassVar[tuple[str, ...]] = ("lead_id",)


class Target(Struct, frozen=True):
    """An endpoint and what it wants: short event types, all of `wanted`, of `queue` only when that is set.

    `events` has short types (`lead.routed`), families (`lead.*`) or `*`. `wanted` maps dotted paths into
    the data to a value, or to a list of which one must be there. The newest of `secrets` comes first.
    """

    id: str
    url: str
    events: tuple[str, ...]
    secrets: tuple[str, ...]
    wanted: Mapping[str, Any] = {}
    queue: str | None = None

    def takes(self, short_type: str, data: Struct) -> bool:
        """Tell whether an event is to be sent here."""
        family = short_type.partition(".")[0] + ".*"
        if not any(each in (short_type, family, EVERYTHING) for each in self.events):
            return False
        if self.queue is not None and _at(data, "decision.queue") != self.queue:
            return False
        return all(_is_one_of(_at(data, path), value) for path, value in self.wanted.items())


def destination_id(queue: str) -> str:
    """Return the id of the endpoint that is a queue's destination."""
    return f"queue:{queue}"


def destination_of(queue: str, url: str, secrets: tuple[str, ...]) -> Target:
    """Return the endpoint that hears of every lead of a queue."""
    return Target(destination_id(queue), url, ("lead.*",), secrets, queue=queue)


class Attempt(Struct, frozen=True):
    """What an endpoint answered; `status` is None when there was no answer, and `error` says why."""

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def delivery_id(event_id: str, target_id: str) -> str:
    """Return the id of the delivery of an event to an endpoint."""
    return derive_id("delivery", target_id, event_id, 0)


def webhook_body(short_type: str, at: datetime, raw: bytes) -> bytes:
    """Return the body for an event whose data is `raw` JSON; it is not encoded again."""
    return b'{"type":"%b","timestamp":"%b","data":%b}' % (short_type.encode(), rfc3339(at).encode(), raw)


def trial_body(row: DeliveryRow) -> bytes:
    """Return the body of a delivery that tries an endpoint."""
    data = msgspec.json.encode({"subscription_id": row.subscription_id, "says": "Baton can reach you."})
    return webhook_body("webhook.test", row.created_at, data)


def untried(
    id_: str,
    endpoint: str,
    url: str,
    *,
    event_id: str,
    event_type: str,
    lead_id: str,
    body: bytes | None,
    at: datetime,
) -> DeliveryRow:
    """Return the delivery of an event to an endpoint as it is made: nothing was tried, and it is due."""
    return DeliveryRow(
        id=id_,
        subscription_id=endpoint,
        event_id=event_id,
        event_type=event_type,
        lead_id=lead_id,
        url=url,
        state="pending",
        attempts=0,
        next_attempt_at=at,
        last_status=None,
        last_error=None,
        created_at=at,
        delivered_at=None,
        body=body,
    )


def trial(id_: str, endpoint: str, url: str, at: datetime) -> DeliveryRow:
    """Return the delivery, due at once, that tries an endpoint; `id_` becomes the webhook's id."""
    return untried(
        delivery_id(id_, endpoint),
        endpoint,
        url,
        event_id=id_,
        event_type=TRIAL,
        lead_id="",
        body=None,
        at=at,
    )


def retry_at(attempts: int, at: datetime) -> datetime | None:
    """Return when to try again after that many attempts, the last at `at`; None: never again."""
    if not 1 <= attempts < ATTEMPTS_MAX:
        return None
    return at + RETRY_AFTER[attempts - 1]


def attempted(row: DeliveryRow, attempt: Attempt, at: datetime) -> DeliveryRow:
    """Return the delivery after an attempt at `at`. What is delivered or gone needs its body no more."""
    error = attempt.error[:_ERROR_LENGTH_MAX] if attempt.error else None
    row = replace(row, attempts=row.attempts + 1, last_status=attempt.status, last_error=error)
    if attempt.delivered:
        return replace(row, state="delivered", delivered_at=at, next_attempt_at=None, body=None)
    failed = FailedAttempt(at, attempt.status, error or "")
    row = replace(row, failures=[*(row.failures or ()), failed][-_FAILURES_KEPT:])
    if attempt.status == _GONE:
        return replace(row, state="gone", next_attempt_at=None, body=None)
    again = retry_at(row.attempts, at)
    if again is None:
        return replace(row, state="failed", next_attempt_at=None)
    if attempt.retry_after is not None:
        again = max(again, at + attempt.retry_after)
    return replace(row, state="pending", next_attempt_at=again)


def redacted(row: DeliveryRow, subject: str) -> DeliveryRow:
    """Return the delivery without the person, under another name; nothing more is sent."""
    row = replace(row, lead_id=subject, body=None, next_attempt_at=None)
    return replace(row, state="failed", last_error="the person was erased") if row.state == "pending" else row


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        data = data.get(name) if isinstance(data, Mapping) else getattr(data, name, None)
    return data


def _is_one_of(value: Any, wanted: Any) -> bool:
    values = wanted if isinstance(wanted, list) else [wanted]
    # In JSON, as in the policy, true is not 1.
    return any(value == each and isinstance(value, bool) is isinstance(each, bool) for each in values)

"""Webhook deliveries: which events a target receives, and the content of a delivery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.gateway.domain.event_filters import EventFilter, compiled_filter, condition_of, value_at
from services.gateway.domain.required_values import RequiredValues, required_values
from shared.lead.events.times import rfc3339
from shared.lead.ids import derive_id
from shared.lead.mentions import Mentions
from shared.storage.rows import Row
from shared.webhooks import EVERYTHING, TRIAL, FailedAttempt
from shared.worker.rows import ErasedMentionsRow, TombstoneRow

if TYPE_CHECKING:
    from shared.policy.models import Destination, Manager, Policy, Queue, Rep

DELIVERY_ROLE: Final = "router-deliver"
"""The role under which deliveries claim their input and record tombstones."""

LEASE: Final = timedelta(seconds=60)
"""How long a process may take for an attempt before another one tries the delivery."""
_ERROR_LENGTH_MAX: Final = 500
ANSWER_BYTES_KEPT: Final = 2_000
_LOOKED_AGAIN: Final = timedelta(seconds=5)
"""When a delivery is looked at again that waits for an attempt in progress."""

DeliveryState = Literal["pending", "delivered", "failed", "gone"]


class DeliveryRow(Row, frozen=True):
    """The delivery of one event to one target.

    While it is pending, `next_attempt_at` is when it is sent and `body` what is sent. A delivery that is sent
    again after its body was deleted has none: the body is then made from the event in the ledger. `failures`
    are the latest failed attempts. `sequence` is that of the event: the deliveries of one lead to one target
    are sent in its order. It is None where there is no order to keep. By a delivery that `notifies` the owner
    of a lead learns of it. `retry_id` is the retry of many that sent it last.
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
    account: str | None = None
    sequence: int | None = None
    notifies: bool = False
    retry_id: str | None = None
    table: ClassVar[str] = "deliveries"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    indexed: ClassVar[tuple[str, ...]] = ("lead_id",)


class AttemptRow(Row, frozen=True):
    """One attempt of a delivery, kept for two weeks, whether it arrived or not.

    `ms` is how long it took, `status` and `answer` (the beginning of the body) are None without a response,
    and `error` is None when it arrived.
    """

    delivery_id: str
    at: datetime
    subscription_id: str
    ms: int
    status: int | None
    error: str | None
    answer: str | None
    table: ClassVar[str] = "delivery_attempts"
    key_fields: ClassVar[tuple[str, ...]] = ("delivery_id", "at")
    upsert: ClassVar[bool] = True
    indexed: ClassVar[tuple[str, ...]] = ("delivery_id",)


def recorded_attempt(row: DeliveryRow, attempt: DeliveryAttempt, at: datetime) -> AttemptRow:
    """Return what is kept of an attempt that ended at `at`."""
    error = attempt.error[:_ERROR_LENGTH_MAX] if attempt.error else None
    # PostgreSQL has no NUL in texts.
    answer = (
        None if attempt.answer is None else attempt.answer.decode(errors="replace").replace("\0", "\ufffd")
    )
    return AttemptRow(row.id, at, row.subscription_id, attempt.ms, attempt.status, error, answer)


class WebhookTarget(Struct, frozen=True, dict=True):
    """A URL that receives events: that of a subscription, or a destination that the policy names.

    `events` are short types (`lead.routed`), families (`lead.*`) or `*`. `filter` is a condition over the
    data, or its short form. A destination receives only what concerns its queue, rep or manager, see
    `addressees`. The newest of `secrets` comes first.
    """

    id: str
    url: str
    events: tuple[str, ...]
    secrets: tuple[str, ...]
    filter: Mapping[str, Any] = {}
    is_destination: bool = False

    def subscribes_to(self, short_type: str) -> bool:
        """Return whether events of a type are among those that the target receives."""
        family = short_type.partition(".")[0] + ".*"
        return not {short_type, family, EVERYTHING}.isdisjoint(self.events)

    @cached_property
    def is_wanted(self) -> EventFilter:
        """The compiled filter, which tells whether an event matches; ages are those at the given time."""
        return compiled_filter(self.events, self.filter) if self.filter else lambda _data, _at: True

    @cached_property
    def required_values(self) -> list[RequiredValues]:
        """What the filter requires of single fields."""
        return required_values(condition_of(self.events, self.filter)) if self.filter else []


def destinations_of(policy: Policy) -> dict[str, Destination]:
    """Return the destinations of queues, reps and managers, by the ids of their targets."""
    owners: list[tuple[str, Queue | Rep | Manager]] = [
        *((f"queue:{name}", queue) for name, queue in policy.routing.queues.items()),
        *((f"rep:{rep.id}", rep) for rep in policy.team.reps),
        *((f"manager:{manager.id}", manager) for manager in policy.team.managers),
    ]
    return {id_: owner.destination for id_, owner in owners if owner.destination.url}


def destination_target(id_: str, url: str, secrets: tuple[str, ...]) -> WebhookTarget:
    """Return the target of a destination; `id_` says whose it is, such as `queue:sdr`."""
    return WebhookTarget(id_, url, ("lead.*",), secrets, is_destination=True)


def addressees(data: Struct) -> frozenset[str]:
    """Return the ids of the destinations that an event about a lead is for.

    Its queue and owner, those that it leaves, the rep who joins the owner, and the manager who is notified.
    """
    paths = {
        "queue": ("decision.queue", "previous_queue", "joined.queue"),
        "rep": ("decision.owner", "previous_owner", "joined.rep", "to"),
        "manager": ("to",),
    }
    named = ((kind, value_at(data, path)) for kind, found in paths.items() for path in found)
    return frozenset(f"{kind}:{name}" for kind, name in named if isinstance(name, str))


class NotifiedLeadRow(Row, frozen=True):
    """When a lead was first delivered to whoever should work it. The first row stays."""

    lead_id: str
    at: datetime
    table: ClassVar[str] = "notified_leads"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)
    once: ClassVar[bool] = True


def notifying(targets: Iterable[WebhookTarget], data: Struct) -> frozenset[str]:
    """Return the ids of the targets by which the owner of a lead learns of it, none without an owner.

    They are the destinations of the owner and of the queue, or all subscriptions where there are none. Those
    of a former owner, a former queue and a manager tell the owner nothing.
    """
    owner, queue = value_at(data, "decision.owner"), value_at(data, "decision.queue")
    if owner is None:
        return frozenset()
    of_owner = {f"rep:{owner}", f"queue:{queue}"}
    ids = {target.id: target.is_destination for target in targets}
    return frozenset(of_owner & ids.keys()) or frozenset(id_ for id_, is_own in ids.items() if not is_own)


def notifications_in(rows: Iterable[DeliveryRow]) -> list[NotifiedLeadRow]:
    """Return what is to be stored of deliveries that have arrived."""
    return [
        NotifiedLeadRow(row.lead_id, row.delivered_at)
        for row in rows
        if row.notifies and row.delivered_at is not None and row.state == "delivered"
    ]


class StoredDeliveries(Struct, frozen=True):
    """Those of the asked deliveries that are stored, and by target what the lead has pending there.

    `tombstone` is the lead's, if its person was erased; `mentions` name erased people of its account.
    """

    ids: frozenset[str]
    pending: Mapping[str, PendingDeliveries]
    tombstone: TombstoneRow | None = None
    mentions: Sequence[ErasedMentionsRow] = ()

    def held_until(self, target_id: str, sequence: int | None, now: datetime) -> datetime | None:
        """Return when a new delivery is due that has to wait for an earlier one; None if it need not wait.

        The earlier one is tried again when the new one is due: at once, unless that is in progress or planned
        within `LEASE` anyway. An endpoint that is back is thus noticed with the next event of the lead.
        """
        earlier = self.pending.get(target_id)
        if earlier is None or sequence is None or earlier.first_sequence >= sequence:
            return None
        is_far = earlier.next_attempt_at > now + LEASE
        return now if is_far else min(earlier.next_attempt_at, now + _LOOKED_AGAIN)


class PendingDeliveries(Struct, frozen=True):
    """The pending deliveries of one lead to one target: the lowest sequence, and the last planned attempt."""

    first_sequence: int
    next_attempt_at: datetime


class DeliveryAttempt(Struct, frozen=True):
    """The result of one attempt, which took `ms` milliseconds.

    `answer` is the beginning of the response's body. `status` is None when there was no response, and `error`
    says why.
    """

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None
    ms: int = 0
    answer: bytes | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def delivery_id(event_id: str, target_id: str) -> str:
    """Return the id of the delivery of an event to a target. The same event and target give the same id."""
    return derive_id("delivery", target_id, event_id, 0)


def webhook_body(short_type: str, at: datetime, raw: bytes) -> bytes:
    """Return the JSON body for an event whose data is the JSON `raw`, which is copied unchanged."""
    return b'{"type":"%b","timestamp":"%b","data":%b}' % (short_type.encode(), rfc3339(at).encode(), raw)


def webhook_test_body(row: DeliveryRow) -> bytes:
    """Return the JSON body of a test delivery."""
    data = msgspec.json.encode({"subscription_id": row.subscription_id, "says": "Baton can reach you."})
    return webhook_body("webhook.test", row.created_at, data)


def new_delivery(
    id_: str,
    target_id: str,
    url: str,
    *,
    event_id: str,
    event_type: str,
    lead_id: str,
    body: bytes | None,
    at: datetime,
    account: str | None = None,
    sequence: int | None = None,
    notifies: bool = False,
) -> DeliveryRow:
    """Return a delivery without attempts that is due at `at`."""
    return DeliveryRow(
        id=id_,
        subscription_id=target_id,
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
        account=account,
        sequence=sequence,
        notifies=notifies,
    )


def new_test_delivery(event_id: str, target_id: str, url: str, at: datetime) -> DeliveryRow:
    """Return a delivery that sends a test event to a target; `event_id` is the `webhook-id` that is sent."""
    return new_delivery(
        delivery_id(event_id, target_id),
        target_id,
        url,
        event_id=event_id,
        event_type=TRIAL,
        lead_id="",
        body=None,
        at=at,
    )


def redacted(row: DeliveryRow, pseudonym: str) -> DeliveryRow:
    """Return the delivery without data about the person, under a pseudonym. Nothing more is sent."""
    row = replace(row, lead_id=pseudonym, account=None, body=None, next_attempt_at=None)
    return replace(row, state="failed", last_error="the person was erased") if row.state == "pending" else row


def struck_out(row: DeliveryRow, mentions: Mentions) -> DeliveryRow:
    """Return the delivery of an event about somebody else without what names erased people."""
    if row.body is None:
        return row
    body = msgspec.json.decode(row.body)
    without = mentions.removed_from(body)
    return row if without is body else replace(row, body=msgspec.json.encode(without))

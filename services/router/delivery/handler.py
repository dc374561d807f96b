"""The delivery role: sends each event to each target that wants it, and stores one row per delivery.

The first attempt is made in `prepare`, outside any transaction; the unit of work stores its result. Failed
deliveries are retried by `DeliveryRetrier`, not here. A record that is read again finds its rows and is not
sent again. Only if the process died between the response and the commit, it is sent twice, with the same
`webhook-id`, by which receivers can drop the duplicate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import asdict, replace

from services.router.delivery.retry_schedule import after_attempt
from services.router.domain.delivery import (
    DELIVERY_ROLE,
    AttemptRow,
    DeliveryAttempt,
    DeliveryRow,
    NotifiedLeadRow,
    StoredDeliveries,
    WebhookTarget,
    delivery_id,
    new_delivery,
    notifications_in,
    notifying,
    recorded_attempt,
    redacted,
    struck_out,
    webhook_body,
)
from services.router.domain.target_index import TargetIndex
from shared.clock import Clock
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_NAME
from shared.lead.mentions import Mentions
from shared.storage.rows import Change, IdentityMap, Put, Remove
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import (
    MAY_NAME_OTHERS,
    Erasure,
    KeyedHash,
    Redaction,
    accounts_of,
    is_erased,
    mentions_in,
    without_mentions,
)
from shared.worker.handler import Handler


class DeliveryReads(Protocol):
    """What the handler reads before it sends. Called for many events at once."""

    async def targets(self) -> TargetIndex:
        """Return all targets."""
        ...

    async def existing(
        self, delivery_ids: Collection[str], lead_id: str, lead_hash: str, accounts: Collection[str]
    ) -> StoredDeliveries:
        """Return what is stored of the deliveries, pending for their lead, and of erasures.

        That is the tombstone of the hash, and what names erased people in events about the accounts.
        """
        ...


class FirstAttempts(Protocol):
    """Makes the first attempt of a delivery."""

    async def first_attempt(
        self, target: WebhookTarget, webhook_id: str, body: bytes, *, traceparent: str = ""
    ) -> DeliveryAttempt | None:
        """Attempt once; None when the target has too much in flight, or does not respond."""
        ...


class PreparedDeliveries(Struct, frozen=True):
    """The deliveries of one event after their first attempts. Replaces the data of the prepared event."""

    rows: tuple[DeliveryRow, ...] = ()
    attempts: tuple[AttemptRow, ...] = ()


class PreparedErasure(PersonErasedV1, frozen=True):
    """An erasure with its own deliveries, after their first attempts."""

    rows: tuple[DeliveryRow, ...] = ()
    attempts: tuple[AttemptRow, ...] = ()


class DeliveryHandler(Handler):
    """Sends events to webhook targets."""

    role = DELIVERY_ROLE
    claimed: frozenset[str] = frozenset()

    def __init__(
        self, reader: DeliveryReads, sender: FirstAttempts, clock: Clock, keyed_hash: KeyedHash
    ) -> None:
        self._reader = reader
        self._sender = sender
        self._clock = clock
        self._keyed_hash = keyed_hash

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        if not isinstance(event.data, PersonErasedV1):
            return replace(event, data=await self._first_attempts(event, event.subject))
        # Who is notified of an erasure keeps no id of the person: neither do we.
        prepared = await self._first_attempts(event, "")
        data = PreparedErasure(**asdict(event.data), rows=prepared.rows, attempts=prepared.attempts)
        return replace(event, data=data)

    async def _first_attempts(self, event: Event[Any], lead_id: str) -> PreparedDeliveries:
        """Return the deliveries of an event that have no row yet, each after its first attempt."""
        short = BY_NAME[event.type].short
        known = await self._reader.targets()
        targets = known.wanting(short, event.data, event.time)
        if not targets:
            return PreparedDeliveries()
        ids = [delivery_id(event.id, target.id) for target in targets]
        accounts = accounts_of(event) if event.type in MAY_NAME_OTHERS else ()
        lead_hash = self._keyed_hash(lead_id) if lead_id else ""
        stored = await self._reader.existing(ids, lead_id, lead_hash, accounts)
        tombstones = IdentityMap([stored.tombstone] if stored.tombstone else [])
        if is_erased(self.role, tombstones, event, self._keyed_hash):
            return PreparedDeliveries()
        mentions = (
            mentions_in(self.role, IdentityMap(stored.mentions), event, self._keyed_hash)
            if stored.mentions
            else None
        )
        delivered = event if mentions is None else without_mentions(event, mentions)
        body = webhook_body(short, event.time, delivered.raw)
        notifies = notifying(targets, event.data)
        attempts = [
            self._attempt(event, id_, target, body, stored, notifies=target.id in notifies)
            for id_, target in zip(ids, targets, strict=True)
            if id_ not in stored.ids
        ]
        # One target is the usual case, and needs no task of its own.
        tried = [await attempts[0]] if len(attempts) == 1 else await asyncio.gather(*attempts)
        made = tuple(attempt for _row, attempt in tried if attempt is not None)
        return PreparedDeliveries(tuple(row for row, _attempt in tried), made)

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        del at
        prepared: PreparedDeliveries = event.data
        new = [row for row in prepared.rows if world.get(DeliveryRow, row.id) is None]
        ids = {row.id for row in new}
        attempts = [attempt for attempt in prepared.attempts if attempt.delivery_id in ids]
        changes = [Put(row) for row in (*new, *attempts, *notifications_in(new))]
        return Step(Outcome.APPLIED if new else Outcome.UNCHANGED, changes)

    def without_mentions(self, event: Event[Any], mentions: Mentions) -> Event[Any]:
        """Strike these people out of what is stored to be sent again: its first attempt may be long ago."""
        rows = tuple(struck_out(row, mentions) for row in event.data.rows)
        attempts = tuple(replace(attempt, answer=None) for attempt in event.data.attempts)
        return replace(event, data=PreparedDeliveries(rows, attempts))

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        """Stop what is about the person, strike them out of what is about others, store who is notified."""
        del at
        lead_ids = set(erasure.lead_ids)
        changes: list[Change] = [
            Put(
                redacted(row, erasure.pseudonym(row.lead_id))
                if row.lead_id in lead_ids
                else struck_out(row, erasure.mentions)
            )
            for row in rows.all(DeliveryRow)
            if row.lead_id not in erasure.spared
        ]
        changes += [Remove(NotifiedLeadRow, (lead_id,)) for lead_id in erasure.lead_ids]
        of_others = {row.id for row in rows.all(DeliveryRow) if row.lead_id not in lead_ids}
        changes += [
            Put(replace(attempt, answer=None))
            if attempt.delivery_id in of_others
            else Remove(AttemptRow, attempt.key)
            for attempt in rows.all(AttemptRow)
        ]
        prepared: PreparedDeliveries | PreparedErasure = erasure.event.data  # type: ignore[assignment]
        new = [row for row in getattr(prepared, "rows", ()) if rows.get(DeliveryRow, row.id) is None]
        ids = {row.id for row in new}
        changes += map(Put, new)
        changes += [Put(one) for one in getattr(prepared, "attempts", ()) if one.delivery_id in ids]
        return Redaction(changes)

    async def _attempt(
        self,
        event: Event[Any],
        id_: str,
        target: WebhookTarget,
        body: bytes,
        stored: StoredDeliveries,
        *,
        notifies: bool,
    ) -> tuple[DeliveryRow, AttemptRow | None]:
        """Return the delivery after its first attempt, and that; none while one of its lead waits."""
        now = self._clock.now()
        is_erasure = isinstance(event.data, PersonErasedV1)
        row = new_delivery(
            id_,
            target.id,
            target.url,
            event_id=event.id,
            event_type=event.type,
            lead_id="" if is_erasure else event.subject,
            body=body,
            at=now,
            account=event.key if event.subject and not is_erasure else None,
            sequence=getattr(event.data, "sequence", None),
            notifies=notifies,
        )
        held_until = stored.held_until(target.id, row.sequence, now)
        if held_until is not None:
            return replace(row, next_attempt_at=held_until), None
        attempt = await self._sender.first_attempt(target, event.id, body, traceparent=event.traceparent)
        if attempt is None:
            return row, None
        at = self._clock.now()
        return after_attempt(row, attempt, at), recorded_attempt(row, attempt, at)

"""The delivering half: each event to each endpoint that wants it, and one row for what came of it.

The first attempt is made before the unit of work, outside any transaction; the unit stores its result.
Whatever failed is tried again by the retries, not here. A record that comes again finds its rows and is
not sent again, unless the process died between the answer and the commit: then it is, under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.delivery import (
    DELIVER,
    Attempt,
    DeliveryRow,
    Target,
    attempted,
    delivery_id,
    redacted,
    untried,
    webhook_body,
)
from shared.clock import Clock
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_NAME
from shared.storage.rows import IdentityMap, Put
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import KeyedHash, Redaction
from shared.worker.handler import Handler


class Known(Protocol):
    """What is stored, asked for by many at once."""

    async def targets(self) -> Sequence[Target]:
        """Return the endpoints that want events."""
        ...

    async def seen(self, delivery_ids: Collection[str], tombstone: str) -> frozenset[str] | None:
        """Return those of the deliveries that have a row; None when the person was erased."""
        ...


class Post(Protocol):
    """The way to the endpoints."""

    async def first(
        self, target: Target, webhook_id: str, body: bytes, *, traceparent: str = ""
    ) -> Attempt | None:
        """Try once; None when the endpoint has too much in flight, or does not answer."""
        ...


class Attempts(Struct, frozen=True):
    """The deliveries of one event, after their first attempt. Takes the place of the event's data."""

    rows: tuple[DeliveryRow, ...] = ()


class DeliveryHandler(Handler):
    """Sends events to endpoints."""

    role = DELIVER
    claimed: frozenset[str] = frozenset()

    def __init__(self, known: Known, post: Post, clock: Clock, keyed_hash: KeyedHash) -> None:
        self._known = known
        self._post = post
        self._clock = clock
        self._keyed_hash = keyed_hash

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        if isinstance(event.data, PersonErasedV1):
            return event
        short = BY_NAME[event.type].short
        wanting = [target for target in await self._known.targets() if target.takes(short, event.data)]
        if not wanting:
            return replace(event, data=Attempts())
        ids = [delivery_id(event.id, target.id) for target in wanting]
        seen = await self._known.seen(ids, self._keyed_hash(event.subject))
        if seen is None:
            return replace(event, data=Attempts())
        body = webhook_body(short, event.time, event.raw)
        fresh = [(id_, target) for id_, target in zip(ids, wanting, strict=True) if id_ not in seen]
        sending = [self._send(event, id_, target, body) for id_, target in fresh]
        # One endpoint is the usual case, and needs no task of its own.
        rows = [await sending[0]] if len(sending) == 1 else await asyncio.gather(*sending)
        return replace(event, data=Attempts(tuple(rows)))

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        del at
        made: Attempts = event.data
        fresh = [Put(row) for row in made.rows if world.get(DeliveryRow, row.id) is None]
        return Step(Outcome.APPLIED if fresh else Outcome.UNCHANGED, fresh)

    async def _send(self, event: Event[Any], id_: str, target: Target, body: bytes) -> DeliveryRow:
        row = untried(
            id_,
            target.id,
            target.url,
            event_id=event.id,
            event_type=event.type,
            lead_id=event.subject,
            body=body,
            at=self._clock.now(),
        )
        attempt = await self._post.first(target, event.id, body, traceparent=event.traceparent)
        return row if attempt is None else attempted(row, attempt, self._clock.now())

    def redact(
        self, rows: IdentityMap, erased: Event[PersonErasedV1], at: datetime, keyed_hash: KeyedHash
    ) -> Redaction:
        del at
        return Redaction(
            [
                Put(redacted(row, keyed_hash(lead_id)))
                for lead_id in erased.data.lead_ids
                for row in rows.find(DeliveryRow, "lead_id", lead_id)
            ]
        )

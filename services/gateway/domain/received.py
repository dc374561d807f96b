"""The event that an accepted body becomes, and its id. Pure.

A client may name what it sends: by `event_id`, by a vendor's `external_id` or by an `Idempotency-Key`. A
name counts within its scope only: the sender (API key or source), the route, the form, the item of a list.
The event id is derived from scope, name and a hash of what was read of the body. So the same name with the
same body is one event, and two bodies never share an event id: the roles would take the second for a repeat
of the first.
"""

from __future__ import annotations

import hashlib
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from services.gateway.domain.arrival import SOURCE, Arrival, uuid7
from services.gateway.domain.idempotency import IN_FLIGHT, IdempotencyRecord
from shared.lead.events.envelope import Event
from shared.lead.ids import derive_id

D = TypeVar("D")

_canonical = msgspec.json.Encoder(order="sorted").encode


class Received(Struct, Generic[D], frozen=True):
    """An accepted body as an event; `record` is what the gateway remembers of the client's name for it.

    Without a name, or from a form, there is no record. `is_named_in_body` is true for a name in the body
    (`event_id`, `external_id`): it names the event as long as the event is known, an `Idempotency-Key` names
    a request for some days.
    """

    event: Event[D]
    record: IdempotencyRecord | None = None
    is_named_in_body: bool = False

    @property
    def lead_id(self) -> str:
        """The subject of the event, which for a lead is its id. The merge may make it an alias."""
        return self.event.subject


def received_event(
    type_: str,
    data: D,
    arrival: Arrival,
    *,
    subject: str,
    key: str,
    raw: bytes = b"",
    content: Any = None,
    name: tuple[str, ...] = (),
    scope: tuple[str, ...] = (),
) -> Received[D]:
    """Return the event of a body.

    `name` is the client's name for the body, as kind and value; without it the arrival's idempotency key
    counts, and without both the id is new. `scope` narrows the scope of the arrival. `content` is what was
    read of the body, without its names and without what depends on the arrival; `data` unless given.
    """
    is_named_in_body = bool(name)
    if not name and arrival.idempotency_key:
        name = ("idempotency-key", arrival.idempotency_key, str(arrival.index))
    record = None
    if name:
        name_hash = digest((*arrival.scope, type_, *scope, *name))
        body_hash = digest(data if content is None else content)
        event_id = derive_id(type_, subject, f"received:{name_hash}:{body_hash}", 0)
        if arrival.has_api_key:
            record = IdempotencyRecord(name_hash, body_hash, event_id, subject, IN_FLIGHT, arrival.at)
    else:
        event_id = uuid7(arrival.at, arrival.random)
    event = Event(
        id=event_id,
        source=SOURCE,
        type=type_,
        subject=subject,
        time=arrival.at,
        data=data,
        raw=raw,
        key=key,
        traceparent=arrival.traceparent,
    )
    return Received(event, record, is_named_in_body)


def digest(value: Any) -> str:
    """Return the SHA-256, in hex, of a value as JSON with sorted keys: equal values have equal digests."""
    return hashlib.sha256(_canonical(value)).hexdigest()

"""Publishes what was received, once for each name that its client gave it.

    no name             publish
    a new name          store its record, publish, mark the record as published
    name and body known publish again if the record is still in flight (the process may have ended between its
                        two steps), else nothing; the answer is the first one's
    another body        422, or 409 while the first one is in flight

A body without a name never touches the database. A crash between record and publishing loses no lead: the
client got no answer, and its repetition is published under the same event id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import structs

from services.gateway.domain.idempotency import IN_FLIGHT, PUBLISHED, IdempotencyRecord, reused_name
from services.gateway.domain.received import Received
from services.gateway.queries.idempotency import forget_in_flight
from services.gateway.state import GatewayState
from shared.errors import DataError, Reject
from shared.lead.events.envelope import Event, encode

D = TypeVar("D")

BeforePublishing = Callable[[Sequence[Event[D]]], Awaitable[None]]
"""Is awaited with the events that are about to be published; when it raises, none of them is."""


async def publish_received(
    gateway: GatewayState, received: Received[D], before: BeforePublishing[D] | None = None
) -> Event[D]:
    """Return the event of a body once it is durably in the stream. Raises `Reject`, `Retry`, `DataError`."""
    if received.record is None:
        if before is not None:
            await before((received.event,))
        await gateway.publisher.publish((encode(received.event),))
        return received.event
    (result,) = await publish_list(gateway, (received,), before)
    if isinstance(result, Reject):
        raise result
    return result


async def publish_list(
    gateway: GatewayState,
    results: Sequence[Received[D] | Reject],
    before: BeforePublishing[D] | None = None,
) -> list[Event[D] | Reject]:
    """Return the event of each item of a list once all are durable, or why the item is rejected.

    Raises `Retry`, `DataError`; then no item counts as accepted.
    """
    settled = await _settle_names(gateway, results)
    to_publish = {
        result.event.id: result
        for result in settled
        if isinstance(result, Received) and (result.record is None or result.record.state == IN_FLIGHT)
    }
    named = [result.record.id for result in to_publish.values() if result.record is not None]
    try:
        if to_publish:
            if before is not None:
                await before([result.event for result in to_publish.values()])
            await gateway.publisher.publish([encode(result.event) for result in to_publish.values()])
    except DataError:
        if named:
            async with gateway.database.begin() as tx:
                await forget_in_flight(tx, named)
        raise
    if named:
        await gateway.idempotency.mark_published(named)
    return [result.event if isinstance(result, Received) else result for result in settled]


async def _settle_names(
    gateway: GatewayState, results: Sequence[Received[D] | Reject]
) -> list[Received[D] | Reject]:
    """Store the records of new names. Return each item with the record and the event id of its name."""
    first: dict[str, IdempotencyRecord] = {}
    lasting: set[str] = set()
    for result in results:
        if isinstance(result, Received) and result.record is not None:
            first.setdefault(result.record.id, result.record)
            if result.is_named_in_body:
                lasting.add(result.record.id)
    if not first:
        return list(results)
    stored = await gateway.idempotency.find_or_insert(list(first.values()), lasting)
    now = gateway.clock.now()
    settled: list[Received[D] | Reject] = []
    for result in results:
        if isinstance(result, Reject) or result.record is None:
            settled.append(result)
            continue
        record, known = result.record, stored[result.record.id]
        # The client knows what the items of its own list are: nothing of them is in flight elsewhere.
        is_own = first[record.id].body_hash == known.body_hash
        rejected = reused_name(record, structs.replace(known, state=PUBLISHED) if is_own else known, now)
        event = structs.replace(result.event, id=known.event_id)
        settled.append(rejected or structs.replace(result, event=event, record=known))
    return settled

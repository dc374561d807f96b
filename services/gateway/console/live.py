"""What an open page is sent so that its parts refetch themselves: a lead, queue, delivery or policy changed.

A change has a name and an id, never data: what a page shows comes from its own requests. The change of a
lead is sent when the ledger has recorded the event, because the pages read the ledger's views.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.gateway.domain.event_filters import value_at
from services.gateway.domain.event_selection import EventSelection
from services.gateway.domain.stream_position import position_id
from services.gateway.event_stream.feed import StreamedRecord
from services.gateway.event_stream.reader import ReadBatch
from services.gateway.queries.deliveries import endpoints_tried_since
from services.gateway.state import GatewayState
from shared.errors import Retry
from shared.lead.events.registry import BY_NAME

RECORDED_S_MAX: Final = 10.0
"""After so long a change is sent although the ledger has not recorded it."""

DELIVERIES_EVERY_S: Final = 2.0

_LOOK_S: Final = 0.1
_LOOKS: Final = 4


class Change(Struct, frozen=True):
    """Something that pages may show: `name` says of which kind, and `id` which one."""

    name: str
    id: str


def changes_of(data: Any) -> Iterator[Change]:
    """Yield what an event changes: its lead, and the queues that the lead is in or has left. Pure."""
    if isinstance(lead_id := value_at(data, "lead_id"), str):
        yield Change("lead", lead_id)
    for lead_id in value_at(data, "lead_ids") or ():
        yield Change("lead", lead_id)
    for path in ("decision.queue", "previous_queue"):
        if isinstance(queue := value_at(data, path), str):
            yield Change("queue", queue)


class PageChanges:
    """Makes the frames of one stream of pages. The id of a frame is one from which nothing is missed.

    With `hears_deliveries` it also tells at which endpoints there were attempts.
    """

    def __init__(self, gateway: GatewayState, selection: EventSelection, *, hears_deliveries: bool) -> None:
        self._gateway = gateway
        self._hears_deliveries = hears_deliveries
        self._tried_at = gateway.clock.now()
        self._looked_at = 0.0
        self._selection = selection
        self._waiting: dict[str, tuple[float, StreamedRecord]] = {}
        self._policy = gateway.policies.active().version

    async def frames(self, batch: ReadBatch) -> bytes:
        """Return the frames of what has changed since the last call."""
        loop, now = asyncio.get_running_loop(), self._gateway.clock.now()
        for record in batch.records:
            if record.type and self._selection(
                BY_NAME[record.type].short, self._gateway.feed.data_of(record), now
            ):
                self._waiting[record.id] = (loop.time(), record)
        changes: list[Change] = []
        for look in range(_LOOKS if self._waiting else 0):
            await asyncio.sleep(_LOOK_S if look else 0)
            try:
                recorded = await self._gateway.recorded.among(self._waiting)
            except Retry:
                recorded = frozenset()
            for id_, (since, record) in [*self._waiting.items()]:
                if id_ in recorded or loop.time() - since > RECORDED_S_MAX:
                    changes += changes_of(self._gateway.feed.data_of(record))
                    del self._waiting[id_]
            if not self._waiting:
                break
        if (version := self._gateway.policies.active().version) != self._policy:
            self._policy = version
            changes.append(Change("policy", version))
        if self._hears_deliveries and loop.time() - self._looked_at >= DELIVERIES_EVERY_S:
            self._looked_at = loop.time()
            changes += [Change("delivery", endpoint) for endpoint in await self._endpoints_tried(now)]
        if batch.gaps:
            changes.append(Change("lead", "*"))
        frames = [
            b"event: %b\ndata: %b\n\n" % (change.name.encode(), msgspec.json.encode({"id": change.id}))
            for change in dict.fromkeys(changes)
        ]
        if frames and not self._waiting:
            positions = dict(batch.before) | {record.partition: record.offset + 1 for record in batch.records}
            frames.append(b"id: %b\n\n" % position_id(positions).encode())
        return b"".join(frames)

    async def _endpoints_tried(self, now: datetime) -> list[str]:
        """Return the endpoints that were tried since the last look; what is late is seen next."""
        try:
            async with self._gateway.database.read() as tx:
                tried = await endpoints_tried_since(tx, self._tried_at)
        except Retry:
            return []
        self._tried_at = now - timedelta(seconds=1)
        return tried

"""Writes the audit trail.

    async def delete_one(id: str, gateway: Gateway, audit: Audit) -> None:
        async with gateway.database.begin() as tx:
            ...                                                   # the change
            await audit.record(tx, "subscription.deleted", id)    # in the same transaction

An endpoint that changes something takes `dependencies.Audit`; a contract test lists those that do not, with
the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.gateway.domain.arrival import uuid7
from services.gateway.domain.audit import AuditKind, Author, audit_entry
from shared.clock import Clock
from shared.lead.events.envelope import Event
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put


class AuditTrail:
    """The audit trail of one author."""

    def __init__(self, author: Author, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._author = author
        self._clock = clock
        self._random = random

    async def record(
        self, tx: Tx, kind: AuditKind, subject: str = "", *, note: str | None = None, **details: Any
    ) -> None:
        """Write an entry in the transaction of its change. `details` hold no contact details of a person."""
        now = self._clock.now()
        id_ = uuid7(now, self._random)
        rows = IdentityMap()
        rows.apply((Put(audit_entry(self._author, kind, subject, note, details, at=now, id_=id_)),))
        await tx.write(rows)

    def before_publishing(
        self, database: Database, kind: AuditKind, subject: str, **details: Any
    ) -> Callable[[Sequence[Event[Any]]], Awaitable[None]]:
        """Return what records a change just before its events are published; see `publish_once`.

        The entry has the number of events, and the id of a single one.
        """

        async def record(events: Sequence[Event[Any]]) -> None:
            which = {"event_id": events[0].id} if len(events) == 1 else {"events": len(events)}
            async with database.begin() as tx:
                await self.record(tx, kind, subject, **details, **which)

        return record

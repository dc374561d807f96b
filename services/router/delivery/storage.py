"""The rows of deliveries: for the unit of work that stores first attempts, and for the retries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update

from services.gateway.tables import subscriptions
from services.ledger.tables import events as recorded_events
from services.router.domain.delivery import (
    GIVEN_UP_AFTER,
    Attempt,
    DeliveryRow,
    attempted,
    trial_body,
    webhook_body,
)
from services.router.tables import deliveries
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put, Row
from shared.webhooks import TRIAL

LEASE = timedelta(seconds=60)


class DeliveryStore:
    """Loads the rows that first attempts may already have, and those of erased people."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        erased = [
            id_ for event in events if isinstance(event.data, PersonErasedV1) for id_ in event.data.lead_ids
        ]
        made = [row.id for event in events for row in getattr(event.data, "rows", ())]
        known = {row.key: row for row in await tx.load(DeliveryRow, "lead_id", erased, lock=True)}
        known |= {row.key: row for row in await tx.load(DeliveryRow, "id", made)}
        return known.values()


class DueDeliveries:
    """The deliveries that wait for another attempt. Whoever leases one makes it; a lost lease runs out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def endpoints(self, now: datetime) -> set[str]:
        """Return the ids of the endpoints that something is due for."""
        async with self._database.read() as tx:
            return {*(await tx.execute(_due_endpoints(now))).scalars()}

    async def lease(self, endpoint: str, limit: int, now: datetime) -> list[DeliveryRow]:
        """Return at most `limit` due deliveries of an endpoint, the longest due first; they are ours."""
        due = (
            select(deliveries)
            .where(deliveries.c.subscription_id == endpoint, deliveries.c.next_attempt_at <= now)
            .order_by(deliveries.c.next_attempt_at, deliveries.c.created_at, deliveries.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        async with self._database.begin() as tx:
            rows = [DeliveryRow(*tuple(row)) for row in await tx.execute(due)]
            if rows:
                ids = [row.id for row in rows]
                leased = update(deliveries).where(deliveries.c.id.in_(ids))
                await tx.execute(leased.values(next_attempt_at=now + LEASE))
        return rows

    async def bodies(self, rows: Sequence[DeliveryRow]) -> Mapping[str, bytes]:
        """Return what each delivery sends: the body that is kept, else that of its event, if there is one."""
        kept = {row.id: row.body for row in rows if row.body is not None}
        kept |= {row.id: trial_body(row) for row in rows if row.event_type == TRIAL}
        missing = [row for row in rows if row.id not in kept]
        if not missing:
            return kept
        table = recorded_events.c
        wanted = select(table.id, table.type, table.at, table.data)
        async with self._database.read() as tx:
            stored = await tx.execute(wanted.where(table.id.in_([row.event_id for row in missing])))
            found = stored.mappings().all()
        told = {
            (each["id"], each["type"]): webhook_body(
                BY_NAME[each["type"]].short, each["at"], each["data"].encode()
            )
            for each in found
            if each["type"] in BY_NAME
        }
        ours = ((row.id, told.get((row.event_id, row.event_type))) for row in missing)
        return kept | {id_: body for id_, body in ours if body is not None}

    async def settle(
        self, attempts: Mapping[str, Attempt | None], leased: Sequence[DeliveryRow], at: datetime
    ) -> None:
        """Store what came of leased deliveries. One without an attempt is due again at once.

        A row that was changed meanwhile (its person was erased) is left as it is.
        """
        if not leased:
            return
        before = {row.id: row for row in leased}
        async with self._database.begin() as tx:
            world = IdentityMap(await tx.load(DeliveryRow, "id", before, lock=True))
            for row in world.all(DeliveryRow):
                attempt, lease = attempts.get(row.id), before[row.id]
                if row.state != "pending" or row.attempts != lease.attempts:
                    continue
                world.apply([Put(lease if attempt is None else attempted(row, attempt, at))])
            await tx.write(world)

    async def give_up(self, endpoints: Iterable[str], now: datetime) -> None:
        """Fail what nobody came to try in all that time, and what is for an endpoint that is no more.

        `endpoints` are those to which nothing is sent now: the ones that were removed, or disabled for long.
        """
        overdue = deliveries.c.next_attempt_at < now - GIVEN_UP_AFTER
        unsent = deliveries.c.subscription_id.in_(sorted(endpoints))
        removed = deliveries.c.subscription_id.not_in(select(subscriptions.c.id))
        pending = update(deliveries).where(deliveries.c.next_attempt_at.is_not(None))
        async with self._database.begin() as tx:
            for which, error in (
                ((deliveries.c.attempts == 0) & overdue, "not delivered in time"),
                (unsent & removed, "the endpoint was removed"),
                (unsent & overdue, "the subscription was disabled"),
            ):
                failed = {"state": "failed", "next_attempt_at": None, "last_error": error}
                await tx.execute(pending.where(which).values(**failed))


def _due_endpoints(now: datetime) -> Select[tuple[str]]:
    """Return the statement that goes from endpoint to endpoint, by two looks each into what waits by index.

    Much waits for an endpoint that has been away for days, which is not to slow down all the others.
    """
    endpoint, at = deliveries.c.subscription_id, deliveries.c.next_attempt_at
    walk = select(func.min(endpoint).label("id")).where(at.is_not(None)).cte("endpoints", recursive=True)
    following = select(func.min(endpoint)).where(endpoint > walk.c.id, at.is_not(None)).correlate(walk)
    walk = walk.union_all(select(following.scalar_subquery()).select_from(walk).where(walk.c.id.is_not(None)))
    first_due = select(func.min(at)).where(endpoint == walk.c.id, at.is_not(None)).correlate(walk)
    return select(walk.c.id).where(first_due.scalar_subquery() <= now)

"""Storage of deliveries: for the unit of work that stores first attempts, and for retries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import and_, case, func, select, update

from services.gateway.tables import subscriptions
from services.ledger.tables import events as recorded_events
from services.ledger.tables import lead_views
from services.router.delivery.retry_schedule import GIVEN_UP_AFTER, after_leased_attempt, due_after
from services.router.domain.delivery import (
    LEASE,
    AttemptRow,
    DeliveryAttempt,
    DeliveryRow,
    notifications_in,
    recorded_attempt,
    webhook_body,
    webhook_test_body,
)
from services.router.tables import deliveries
from shared.lead.events.envelope import Event
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put, Row
from shared.webhooks import TRIAL


class DeliveryStore:
    """Loads the deliveries that may already exist, and locks those of erased people and their colleagues."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        erasures = [event.data for event in events if isinstance(event.data, PersonErasedV1)]
        erased = {lead_id for erasure in erasures for lead_id in erasure.lead_ids}
        accounts = sorted({account for erasure in erasures for account in erasure.accounts})
        changed: set[str] = set()
        if accounts:
            colleagues = select(lead_views.c.lead_id).where(lead_views.c.account.in_(accounts))
            erased.update((await tx.execute(colleagues)).scalars())
            # The ledger may not have a view of each colleague yet.
            named = select(deliveries.c.id).where(
                deliveries.c.account.in_(accounts), deliveries.c.body.is_not(None)
            )
            changed.update((await tx.execute(named)).scalars())
        changed.update(row.id for row in await tx.load(DeliveryRow, "lead_id", erased))
        prepared = [row.id for event in events for row in getattr(event.data, "rows", ())]
        stored = {row.key: row for row in await tx.load(DeliveryRow, "id", prepared)}
        stored |= {row.key: row for row in await tx.load(DeliveryRow, "id", changed, lock=True)}
        # What an endpoint answered may repeat what it was sent.
        attempts = await tx.load(AttemptRow, "delivery_id", changed)
        return [*stored.values(), *attempts]


class DueDeliveries:
    """Deliveries that are due for another attempt. A process leases those it attempts; leases expire."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def target_ids(self, now: datetime) -> list[str]:
        """Return the ids of the targets that have due deliveries, the longest due first.

        While nothing is due that is one look-up. Else it is a loose index scan: two look-ups per target,
        however many deliveries wait for it. A target that has been away for days must not slow down all the
        others.
        """
        if await self.first_at(now) is None:
            return []
        target_id, at = deliveries.c.subscription_id, deliveries.c.next_attempt_at
        targets = (
            select(func.min(target_id).label("id")).where(at.is_not(None)).cte("targets", recursive=True)
        )
        following = select(func.min(target_id)).where(target_id > targets.c.id, at.is_not(None))
        following = following.correlate(targets)
        targets = targets.union_all(
            select(following.scalar_subquery()).select_from(targets).where(targets.c.id.is_not(None))
        )
        first_due = select(func.min(at)).where(target_id == targets.c.id, at.is_not(None)).correlate(targets)
        found = select(targets.c.id, first_due.scalar_subquery().label("at")).subquery()
        due = select(found.c.id).where(found.c.at <= now).order_by(found.c.at, found.c.id)
        async with self._database.read() as tx:
            return [*(await tx.execute(due)).scalars()]

    async def first_at(self, before: datetime) -> datetime | None:
        """Return when the first delivery is due; None if none is until then."""
        at = deliveries.c.next_attempt_at
        async with self._database.read() as tx:
            first: datetime | None = (await tx.execute(select(func.min(at)).where(at <= before))).scalar_one()
        return first

    async def lease(self, target_id: str, limit: int, now: datetime) -> list[DeliveryRow]:
        """Lease at most `limit` deliveries of a target for those that are due, and return them.

        Of a lead only the first pending delivery is sent, whichever is due, unless another process has leased
        it.
        """
        due, first, column = deliveries.alias("due"), deliveries.alias("first"), deliveries.c
        first_of_lead = (
            select(first.c.id)
            .where(first.c.subscription_id == due.c.subscription_id, first.c.lead_id == due.c.lead_id)
            .where(first.c.next_attempt_at.is_not(None), first.c.sequence.is_not(None))
            .order_by(first.c.sequence, first.c.id)
            .limit(1)
            .scalar_subquery()
        )
        sent = (
            select(case((due.c.sequence.is_(None), due.c.id), else_=first_of_lead))
            .where(due.c.subscription_id == target_id, due.c.next_attempt_at <= now)
            .order_by(due.c.next_attempt_at, due.c.created_at, due.c.id)
            .limit(limit)
        )
        is_leased = and_(column.next_attempt_at > now, column.next_attempt_at <= now + LEASE)
        async with self._database.begin() as tx:
            order = {id_: number for number, id_ in enumerate((await tx.execute(sent)).scalars())}
            free = select(deliveries).where(column.id.in_(order), column.next_attempt_at.is_not(None))
            free = free.where(~is_leased).with_for_update(skip_locked=True)
            rows = [DeliveryRow(*tuple(row)) for row in await tx.execute(free)]
            rows.sort(key=lambda row: order[row.id])
            if rows:
                ids = [row.id for row in rows]
                leased = update(deliveries).where(deliveries.c.id.in_(ids))
                await tx.execute(leased.values(next_attempt_at=now + LEASE))
        return rows

    async def bodies(self, rows: Sequence[DeliveryRow]) -> Mapping[str, bytes]:
        """Return the body of each delivery by id: the stored one, or else one made from the ledger's event.

        A delivery whose event the ledger no longer has is missing from the result.
        """
        bodies = {row.id: row.body for row in rows if row.body is not None}
        bodies |= {row.id: webhook_test_body(row) for row in rows if row.event_type == TRIAL}
        missing = [row for row in rows if row.id not in bodies]
        if not missing:
            return bodies
        table = recorded_events.c
        columns = select(table.id, table.type, table.at, table.data)
        async with self._database.read() as tx:
            stored = await tx.execute(columns.where(table.id.in_([row.event_id for row in missing])))
            events = stored.mappings().all()
        by_event = {
            (event["id"], event["type"]): webhook_body(
                BY_NAME[event["type"]].short, event["at"], event["data"].encode()
            )
            for event in events
            if event["type"] in BY_NAME
        }
        from_ledger = ((row.id, by_event.get((row.event_id, row.event_type))) for row in missing)
        return bodies | {id_: body for id_, body in from_ledger if body is not None}

    async def settle(
        self, attempts: Mapping[str, DeliveryAttempt | None], leased: Sequence[DeliveryRow], at: datetime
    ) -> None:
        """Store the results of leased deliveries. A delivery without an attempt is due again at once.

        A row that was changed meanwhile, for example because the person was erased, is left as it is. What
        waits for a delivery becomes due when that is finished, and else after its next attempt.
        """
        if not leased:
            return
        leases = {row.id: row for row in leased}
        async with self._database.begin() as tx:
            waiting = await _waiting_for(tx, leased)
            world = IdentityMap(await tx.load(DeliveryRow, "id", [*leases, *waiting], lock=True))
            for id_, lease in leases.items():
                row, attempt = world.get(DeliveryRow, id_), attempts.get(id_)
                if row is None or row.state != "pending" or row.attempts != lease.attempts:
                    continue
                tried = replace(lease, body=row.body)  # somebody may have been struck out of it meanwhile
                settled = tried if attempt is None else after_leased_attempt(tried, attempt, at)
                if attempt is not None:
                    world.apply([Put(recorded_attempt(row, attempt, at))])
                behind = (world.get(DeliveryRow, other) for other, of in waiting.items() if of == id_)
                due = due_after(settled, filter(None, behind), at)
                world.apply(map(Put, (settled, *due, *notifications_in([settled]))))
            await tx.write(world)

    async def give_up(self, inactive: Iterable[str], now: datetime) -> None:
        """Fail the deliveries that cannot be sent any more.

        These are deliveries that were never attempted in all the time that retries take, and those of the
        `inactive` target ids: at once if the subscription was deleted, after the same time if it is disabled.
        """
        overdue = deliveries.c.next_attempt_at < now - GIVEN_UP_AFTER
        unsent = deliveries.c.subscription_id.in_(sorted(inactive))
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


async def _waiting_for(tx: Tx, leased: Sequence[DeliveryRow]) -> dict[str, str]:
    """Return the ids of the pending deliveries that wait for one of the leased ones, each with its id."""
    first_of = {(row.subscription_id, row.lead_id): row for row in leased if row.sequence is not None}
    if not first_of:
        return {}
    table = deliveries.c
    statement = select(table.id, table.subscription_id, table.lead_id, table.sequence).where(
        table.lead_id.in_({lead_id for _target, lead_id in first_of}), table.next_attempt_at.is_not(None)
    )
    waiting: dict[str, str] = {}
    for row in await tx.execute(statement):
        first = first_of.get((row.subscription_id, row.lead_id))
        if first is not None and (row.sequence or 0) > (first.sequence or 0):
            waiting[row.id] = first.id
    return waiting

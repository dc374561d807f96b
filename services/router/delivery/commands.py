"""Executes the delivery orders of the gateway: test a target, send one delivery again, or many (a replay).

An order only makes deliveries due; `DeliveryRetrier` sends them. Each order is claimed in the unit of work
that executes it, so it is executed once, however many processes look for orders.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.gateway.tables import delivery_orders
from services.router.domain.delivery import DELIVERY_ROLE, new_test_delivery
from services.router.tables import deliveries, deliveries_between, deliveries_matching, not_erased
from shared.clock import Clock
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put
from shared.webhooks import (
    ORDER_SOURCE,
    ORDERS_KEPT,
    RETRIED_MAX,
    QueuedOrder,
    ReplayOrder,
    RetryManyOrder,
    RetryOrder,
    Subscription,
    TrialOrder,
)
from shared.worker.decision import Outcome
from shared.worker.rows import InputRow
from shared.worker.tables import inputs

_BATCH_MAX = 50
_IDS_AT_ONCE = 500


class DeliveryCommands:
    """Looks for delivery orders at each `step`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Execute a batch of open orders. Return True when there may be more."""
        claimed = exists().where(
            inputs.c.id == delivery_orders.c.id,
            inputs.c.source == ORDER_SOURCE,
            inputs.c.role == DELIVERY_ROLE,
        )
        # An order is valid for a day, whether or not the gateway has deleted it by then, because its claim
        # may have been pruned and it must not be executed a second time.
        valid = delivery_orders.c.created_at >= self._clock.now() - ORDERS_KEPT
        oldest_first = select(delivery_orders).where(~claimed, valid).order_by(delivery_orders.c.id)
        async with self._database.read() as tx:
            rows = await tx.execute(oldest_first.limit(_BATCH_MAX))
            orders = [QueuedOrder(*tuple(row)) for row in rows]
        for order in orders:
            async with self._database.begin() as tx:
                await self._execute(tx, order)
        return len(orders) == _BATCH_MAX

    async def _execute(self, tx: Tx, order: QueuedOrder) -> None:
        """Claim the order and execute it; nothing if another process has claimed it."""
        now = self._clock.now()
        claim = InputRow(order.id, ORDER_SOURCE, DELIVERY_ROLE, Outcome.APPLIED, "", now)
        insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
        result = await tx.execute(insert(inputs).values(asdict(claim)).on_conflict_do_nothing())
        if result.rowcount != 1:
            return
        match order.order:
            case TrialOrder(subscription_id):
                world = IdentityMap()
                for subscription in await tx.load(Subscription, "id", [subscription_id]):
                    world.apply([Put(new_test_delivery(order.id, subscription.id, subscription.url, now))])
                await tx.write(world)
            case RetryOrder(delivery_id):
                await _make_due(tx, deliveries.c.id == delivery_id, now)
            case ReplayOrder(target_id, since, until, failed_only):
                await _make_due(tx, deliveries_between(target_id, since, until, failed_only=failed_only), now)
            case RetryManyOrder(which):
                newest = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
                found = select(deliveries.c.id).where(deliveries_matching(which)).order_by(*newest)
                ids = (await tx.execute(found.limit(RETRIED_MAX))).scalars().all()
                for start in range(0, len(ids), _IDS_AT_ONCE):
                    chosen = deliveries.c.id.in_(ids[start : start + _IDS_AT_ONCE])
                    await _make_due(tx, chosen, now, retry_id=order.id)


async def _make_due(
    tx: Tx, which: ColumnElement[bool], now: datetime, *, retry_id: str | None = None
) -> None:
    """Make deliveries due with all their attempts before them, except those about erased people.

    The rows are locked in id order, as everywhere. Waiting for the locks also lets a running erasure finish,
    so the update then sees its tombstones.
    """
    await tx.execute(select(deliveries.c.id).where(which).order_by(deliveries.c.id).with_for_update())
    due: dict[str, Any] = {"state": "pending", "attempts": 0, "next_attempt_at": now, "delivered_at": None}
    if retry_id is not None:
        due["retry_id"] = retry_id
    await tx.execute(update(deliveries).where(which, not_erased(DELIVERY_ROLE)).values(**due))

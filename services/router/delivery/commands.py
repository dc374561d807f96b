"""Carries out the gateway's orders to deliver: an event that tries an endpoint, and sending again.

An order makes deliveries due; the retries send them. Whoever claims an order first carries it out, in one
unit of work, so it is done once however many processes look.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.gateway.tables import delivery_orders
from services.router.domain.delivery import DELIVER, trial
from services.router.tables import deliveries, deliveries_between, not_erased
from shared.clock import Clock
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put
from shared.webhooks import (
    ORDER_SOURCE,
    ORDERS_KEPT,
    QueuedOrder,
    ReplayOrder,
    RetryOrder,
    Subscription,
    TrialOrder,
)
from shared.worker.decision import Outcome
from shared.worker.rows import InputRow
from shared.worker.tables import inputs

_AT_ONCE = 50


class DeliveryOrders:
    """Looks for orders at each `step`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Carry out what was ordered; True when there may be more."""
        async with self._database.read() as tx:
            found = await _open_orders(tx, self._clock.now(), _AT_ONCE)
        for order in found:
            async with self._database.begin() as tx:
                if await self._claim(tx, order):
                    await self._carry_out(tx, order)
        return len(found) == _AT_ONCE

    async def _claim(self, tx: Tx, order: QueuedOrder) -> bool:
        claim = InputRow(order.id, ORDER_SOURCE, DELIVER, Outcome.APPLIED, "", self._clock.now())
        insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
        row = {name: getattr(claim, name) for name in InputRow.__struct_fields__}
        return (await tx.execute(insert(inputs).values(row).on_conflict_do_nothing())).rowcount == 1

    async def _carry_out(self, tx: Tx, order: QueuedOrder) -> None:
        now = self._clock.now()
        match order.order:
            case TrialOrder(subscription_id):
                await _try(tx, order.id, subscription_id, now)
            case RetryOrder(delivery_id):
                await _send_again(tx, deliveries.c.id == delivery_id, now)
            case ReplayOrder(endpoint, since, until, failed_only):
                which = deliveries_between(endpoint, since, until, failed_only=failed_only)
                await _send_again(tx, which, now)


async def _open_orders(tx: Tx, at: datetime, limit: int) -> list[QueuedOrder]:
    """Return at most `limit` unclaimed orders that are valid at that time, the oldest first.

    An order that is older than a day is none any more, whether or not the gateway has deleted it: its claim
    may be gone too.
    """
    claimed = exists().where(
        inputs.c.id == delivery_orders.c.id, inputs.c.source == ORDER_SOURCE, inputs.c.role == DELIVER
    )
    wanted = select(delivery_orders).where(~claimed, delivery_orders.c.created_at >= at - ORDERS_KEPT)
    found = await tx.execute(wanted.order_by(delivery_orders.c.id).limit(limit))
    return [QueuedOrder(*tuple(row)) for row in found]


async def _try(tx: Tx, order_id: str, subscription_id: str, now: datetime) -> None:
    world = IdentityMap()
    for subscription in await tx.load(Subscription, "id", [subscription_id]):
        world.apply([Put(trial(order_id, subscription.id, subscription.url, now))])
    await tx.write(world)


async def _send_again(tx: Tx, which: ColumnElement[bool], now: datetime) -> None:
    """Make deliveries due, with all their attempts before them; not those about erased people.

    They are locked first, in the order in which everybody locks deliveries: whoever was about to erase a
    person is done by then.
    """
    await tx.execute(select(deliveries.c.id).where(which).order_by(deliveries.c.id).with_for_update())
    again: dict[str, Any] = {"state": "pending", "attempts": 0, "next_attempt_at": now, "delivered_at": None}
    await tx.execute(update(deliveries).where(which, not_erased(DELIVER)).values(**again))

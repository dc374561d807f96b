"""Orders to deliver: what the gateway asks of the router's delivering half, and which of it is done.

The gateway writes orders and lets them go after a day; the router never touches them. It claims an order in
the unit of work that carries it out, as every role claims its inputs. A claim is forgotten too in the end, so
an order that is older than a day is none any more, whether or not the gateway has let go of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy import delete, exists, insert, select

from services.gateway.tables import delivery_orders
from shared.storage.database import Tx
from shared.webhooks import What
from shared.worker.tables import inputs

SOURCE: Final = "/baton/gateway/delivery-orders"
ORDERS_KEPT: Final = timedelta(days=1)
"""Shorter than claims are kept, so that no order is ever carried out twice."""


class Order(Struct, frozen=True):
    """One order. Its id is that of the event which a test sends."""

    id: str
    what: What
    created_at: datetime


async def place_order(tx: Tx, order: Order) -> None:
    """Store an order, and let go of those that are long done."""
    old = delete(delivery_orders).where(delivery_orders.c.created_at < order.created_at - ORDERS_KEPT)
    await tx.execute(old)
    row = {"id": order.id, "what": order.what, "created_at": order.created_at}
    await tx.execute(insert(delivery_orders), row)


async def open_orders(tx: Tx, role: str, at: datetime, limit: int) -> Sequence[Order]:
    """Return at most `limit` orders that stand at that time, unclaimed by the role, the oldest first."""
    claimed = exists().where(
        inputs.c.id == delivery_orders.c.id, inputs.c.source == SOURCE, inputs.c.role == role
    )
    wanted = select(delivery_orders).where(~claimed, delivery_orders.c.created_at >= at - ORDERS_KEPT)
    found = await tx.execute(wanted.order_by(delivery_orders.c.id).limit(limit))
    return [Order(*tuple(row)) for row in found]


async def is_carried_out(tx: Tx, order_id: str, role: str) -> bool:
    """Tell whether the role has carried out an order."""
    claim = select(inputs.c.id).where(
        inputs.c.id == order_id, inputs.c.source == SOURCE, inputs.c.role == role
    )
    return (await tx.execute(claim)).first() is not None

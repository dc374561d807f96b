"""Delivery orders: what the gateway asks the router to send, and whether the router has done it.

The gateway writes orders and deletes them after a day; the router only reads them. It claims an order in
the unit of work that carries it out, as every role claims its inputs.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from services.gateway.tables import delivery_orders
from shared.storage.database import Tx
from shared.webhooks import ORDER_SOURCE, ORDERS_KEPT, DeliveryOrder, QueuedOrder
from shared.worker.tables import inputs


async def place_order(tx: Tx, order: QueuedOrder) -> None:
    """Store an order, and delete those that are older than a day."""
    await tx.execute(
        delete(delivery_orders).where(delivery_orders.c.created_at < order.created_at - ORDERS_KEPT)
    )
    row = {"id": order.id, "what": order.order, "created_at": order.created_at}
    await tx.execute(insert(delivery_orders), row)


async def find_order(tx: Tx, order_id: str) -> DeliveryOrder | None:
    """Return an order that is not older than a day."""
    found = await tx.execute(select(delivery_orders.c.what).where(delivery_orders.c.id == order_id))
    order: DeliveryOrder | None = found.scalar_one_or_none()
    return order


async def is_carried_out(tx: Tx, order_id: str, role: str) -> bool:
    """Return whether the role has carried out an order."""
    claim = select(inputs.c.id).where(
        inputs.c.id == order_id, inputs.c.source == ORDER_SOURCE, inputs.c.role == role
    )
    return (await tx.execute(claim)).first() is not None

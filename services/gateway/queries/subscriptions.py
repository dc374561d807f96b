"""Webhook subscriptions as the API lists, shows and deletes them."""

from __future__ import annotations

from sqlalchemy import delete, select

from services.gateway.tables import subscriptions
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.webhooks import Subscription


async def list_subscriptions(tx: Tx, after: Cursor | None, limit: int) -> list[Subscription]:
    """Return at most `limit` subscriptions, the newest first, from the cursor `after` on."""
    statement = select(subscriptions)
    if after is not None:
        statement = statement.where(after_cursor(after, subscriptions.c.created_at, subscriptions.c.id))
    newest_first = (subscriptions.c.created_at.desc(), subscriptions.c.id.desc())
    found = await tx.execute(statement.order_by(*newest_first).limit(limit))
    return [Subscription(*tuple(row)) for row in found]


async def find_subscription(tx: Tx, subscription_id: str, *, lock: bool = False) -> Subscription | None:
    """Return one subscription, locked until the end of the transaction with `lock`."""
    found = await tx.load(Subscription, "id", [subscription_id], lock=lock)
    return found[0] if found else None


async def delete_subscription(tx: Tx, subscription_id: str) -> bool:
    """Delete one subscription; False when there is none of that id."""
    result = await tx.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))
    return result.rowcount > 0

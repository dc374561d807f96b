"""Webhook deliveries, from the router's table."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, func, select

from services.router.tables import deliveries
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.worker.tables import tombstones

_SHOWN = [column for column in deliveries.c if column.name not in ("body", "account", "sequence")]


async def list_deliveries(
    tx: Tx, subscription_id: str, after: Cursor | None, limit: int
) -> Sequence[RowMapping]:
    """Return at most `limit` deliveries without bodies, the newest first, from the cursor on."""
    statement = select(*_SHOWN).where(deliveries.c.subscription_id == subscription_id)
    if after is not None:
        statement = statement.where(after_cursor(after, deliveries.c.created_at, deliveries.c.id))
    newest = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
    return (await tx.execute(statement.order_by(*newest).limit(limit))).mappings().all()


async def find_delivery(tx: Tx, delivery_id: str) -> RowMapping | None:
    """Return one delivery without its body."""
    return (await tx.execute(select(*_SHOWN).where(deliveries.c.id == delivery_id))).mappings().first()


async def count_at_most(tx: Tx, condition: ColumnElement[bool], most: int) -> int:
    """Return how many deliveries meet a condition; `most` when there are more. Counting stops there."""
    some = select(deliveries.c.id).where(condition).limit(most).subquery()
    found: int = (await tx.execute(select(func.count()).select_from(some))).scalar_one()
    return found


async def is_erased(tx: Tx, lead_id: str, role: str) -> bool:
    """Return whether the lead of a delivery is the hash that replaced the id of an erased person."""
    stone = select(tombstones.c.hash).where(tombstones.c.hash == lead_id, tombstones.c.role == role)
    return (await tx.execute(stone)).first() is not None

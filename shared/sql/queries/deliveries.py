"""Questions about webhook deliveries, answered from the router's table."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, select

from shared.sql.engine import Tx
from shared.sql.queries.places import Place, older_than
from shared.sql.tables.router import deliveries

_SHOWN = [column for column in deliveries.c if column.name != "body"]


async def delivery_list(
    tx: Tx, subscription_id: str, after: Place | None, limit: int
) -> Sequence[RowMapping]:
    """Return at most `limit` deliveries without their bodies, the newest first, from the place `after` on."""
    statement = select(*_SHOWN).where(deliveries.c.subscription_id == subscription_id)
    if after is not None:
        statement = statement.where(older_than(after, deliveries.c.created_at, deliveries.c.id))
    newest = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
    return (await tx.execute(statement.order_by(*newest).limit(limit))).mappings().all()

"""Webhook deliveries, from the router's table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, exists, func, select, text

from services.ledger.tables import events
from services.router.domain.delivery import webhook_body
from services.router.tables import deliveries, deliveries_matching, delivery_attempts
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.webhooks import DeliveryFilter
from shared.worker.tables import tombstones

_HIDDEN = ("body", "account", "sequence", "notifies", "retry_id")
_SHOWN = [column for column in deliveries.c if column.name not in _HIDDEN]
_RECENT_MAX = 5_000


async def list_deliveries(
    tx: Tx, subscription_id: str, after: Cursor | None, limit: int
) -> Sequence[RowMapping]:
    """Return at most `limit` deliveries without bodies, the newest first, from the cursor on."""
    statement = select(*_SHOWN).where(deliveries.c.subscription_id == subscription_id)
    if after is not None:
        statement = statement.where(after_cursor(after, deliveries.c.created_at, deliveries.c.id))
    newest = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
    return (await tx.execute(statement.order_by(*newest).limit(limit))).mappings().all()


async def list_matching(
    tx: Tx, which: DeliveryFilter, after: Cursor | None, limit: int
) -> Sequence[RowMapping]:
    """Return at most `limit` deliveries that a filter means, without bodies, the newest first."""
    statement = select(*_SHOWN).where(deliveries_matching(which))
    if after is not None:
        statement = statement.where(after_cursor(after, deliveries.c.created_at, deliveries.c.id))
    newest = (deliveries.c.created_at.desc(), deliveries.c.id.desc())
    return (await tx.execute(statement.order_by(*newest).limit(limit))).mappings().all()


async def list_attempts(tx: Tx, delivery_id: str) -> Sequence[RowMapping]:
    """Return the latest 100 attempts of a delivery, the newest first."""
    table = delivery_attempts.c
    statement = select(delivery_attempts).where(table.delivery_id == delivery_id)
    return (await tx.execute(statement.order_by(table.at.desc()).limit(100))).mappings().all()


async def recent_attempts(tx: Tx, since: datetime) -> list[dict[str, Any]]:
    """Return the latest 5,000 attempts from `since` on, the newest first, without what was answered."""
    table = delivery_attempts.c
    columns = (table.subscription_id, table.at, table.ms, table.status, table.error)
    statement = select(*columns).where(table.at >= since).order_by(table.at.desc()).limit(_RECENT_MAX)
    return [dict(row) for row in (await tx.execute(statement)).mappings()]


async def endpoints_tried_since(tx: Tx, since: datetime) -> list[str]:
    """Return the endpoints at which there was an attempt after a time, 100 at most."""
    table = delivery_attempts.c
    tried = select(table.subscription_id).where(table.at > since).distinct().limit(100)
    return [*(await tx.execute(tried)).scalars()]


async def find_delivery_with_request(
    tx: Tx, delivery_id: str, role: str
) -> tuple[RowMapping, bytes | None] | None:
    """Return a delivery and what it sends: what is stored, else made from the ledger's event.

    Nothing is sent about a person whose erasure `role` has recorded.
    """
    column, event = deliveries.c, events.c
    recorded = and_(event.id == column.event_id, event.type == column.event_type)
    stone = exists().where(tombstones.c.hash == column.lead_id, tombstones.c.role == role)
    statement = (
        select(*_SHOWN, column.body, event.at, event.data, stone.label("is_erased"))
        .outerjoin(events, recorded)
        .where(column.id == delivery_id)
    )
    found = (await tx.execute(statement.limit(1))).mappings().first()
    if found is None:
        return None
    body: bytes | None = found["body"]
    if found["is_erased"]:
        return found, None
    if body is None and found["data"] is not None and found["event_type"] in BY_NAME:
        body = webhook_body(BY_NAME[found["event_type"]].short, found["at"], found["data"].encode())
    return found, body


async def retry_progress(tx: Tx, retry_id: str) -> dict[str, int]:
    """Return how many deliveries of a retry of many there are by state."""
    column = deliveries.c
    number = func.count().label("number")
    statement = select(column.state, number).where(text("retry_id IS NOT NULL"))
    counted = statement.where(column.retry_id == retry_id).group_by(column.state)
    return {row["state"]: row["number"] for row in (await tx.execute(counted)).mappings()}


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

"""Which events the ledger has recorded."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from services.ledger.tables import events
from shared.storage.database import Tx
from shared.storage.statements import member_of, members


async def recorded_events(tx: Tx, ids: Collection[str]) -> frozenset[str]:
    """Return those of the event ids that the ledger has recorded, so that views of leads show them."""
    found = select(events.c.id).where(member_of(tx.dialect, events.c.id))
    return frozenset((await tx.execute(found, {"members": members(tx.dialect, sorted(ids))})).scalars())

"""Dead letters, from the ledger's table."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, select

from services.ledger.tables import dead_letters
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor

_SHOWN = [column for column in dead_letters.c if column.name not in ("record_key", "value", "headers")]


async def list_dead_letters(tx: Tx, after: Cursor | None, limit: int) -> Sequence[RowMapping]:
    """Return at most `limit` letters without their records, the newest first, from the cursor `after` on."""
    statement = select(*_SHOWN)
    if after is not None:
        statement = statement.where(after_cursor(after, dead_letters.c.at, dead_letters.c.id))
    statement = statement.order_by(dead_letters.c.at.desc(), dead_letters.c.id.desc()).limit(limit)
    return (await tx.execute(statement)).mappings().all()


async def find_dead_letter(tx: Tx, letter_id: str) -> RowMapping | None:
    """Return one letter with the record itself: `record_key`, `value` and `headers`."""
    found = await tx.execute(select(dead_letters).where(dead_letters.c.id == letter_id))
    return found.mappings().one_or_none()

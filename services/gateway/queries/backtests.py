"""Backtests and their moves, from the ledger's tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, delete, func, select

from services.ledger.domain.backtest.report import NOBODY, Move
from services.ledger.tables import UNFINISHED, backtest_moves, backtests, lead_views
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor

_SCANNED_MAX: Final = 5_000
_SHOWN: Final = [column for column in backtests.c if column.name not in ("files", "leased_until")]


async def count_active(tx: Tx) -> int:
    """Return how many backtests wait or run."""
    counted = select(func.count()).where(backtests.c.state.in_(UNFINISHED))
    return int((await tx.execute(counted)).scalar_one())


async def insert_backtest(tx: Tx, **values: Any) -> None:
    """Put a backtest into the queue."""
    await tx.execute(backtests.insert(), {"state": "queued", "done": 0, "total": 0, **values})


async def list_backtests(tx: Tx, after: Cursor | None, limit: int) -> Sequence[RowMapping]:
    """Return at most `limit` backtests, the newest first, from the cursor `after` on."""
    statement = select(*_SHOWN)
    if after is not None:
        statement = statement.where(after_cursor(after, backtests.c.created_at, backtests.c.id))
    statement = statement.order_by(backtests.c.created_at.desc(), backtests.c.id.desc()).limit(limit)
    return (await tx.execute(statement)).mappings().all()


async def find_backtest(tx: Tx, backtest_id: str) -> RowMapping | None:
    """Return one backtest with its report."""
    return (await tx.execute(select(*_SHOWN).where(backtests.c.id == backtest_id))).mappings().one_or_none()


async def last_backtest(tx: Tx, version: str) -> RowMapping | None:
    """Return the newest backtest of a version that is done, None if there is none."""
    statement = select(*_SHOWN).where(backtests.c.candidate == version, backtests.c.state == "done")
    newest = statement.order_by(backtests.c.created_at.desc(), backtests.c.id.desc()).limit(1)
    return (await tx.execute(newest)).mappings().one_or_none()


async def list_moves(tx: Tx, backtest_id: str, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """Return the moves that follow the one of that number, each with its number, as JSON."""
    statement = (
        select(backtest_moves.c.number, backtest_moves.c.data)
        .where(backtest_moves.c.backtest_id == backtest_id, backtest_moves.c.number > after)
        .order_by(backtest_moves.c.number)
        .limit(limit)
    )
    return [(row.number, row.data) for row in await tx.execute(statement)]


async def moves_between(
    tx: Tx, backtest_id: str, after: int, limit: int, *, old: str | None, new: str | None
) -> tuple[Sequence[tuple[int, Move]], int | None]:
    """Return at most `limit` moves from the queue `old` to the queue `new`, each with its number.

    A queue of None is any; `NOBODY` stands for suppressed leads. At most `_SCANNED_MAX` moves are read: the
    number that is returned beside is where to go on, None when all were read.
    """
    found: list[tuple[int, Move]] = []
    batch = await list_moves(tx, backtest_id, after, _SCANNED_MAX if old or new else limit)
    for number, data in batch:
        move = msgspec.json.decode(data, type=Move)
        if old in (None, move.before.queue or NOBODY) and new in (None, move.after.queue or NOBODY):
            found.append((number, move))
        if len(found) == limit:
            return found, number
    return found, batch[-1][0] if len(batch) == _SCANNED_MAX else None


async def names_of_leads(tx: Tx, lead_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return name, else e-mail, and company of leads by their ids, as far as they are known."""
    columns = (lead_views.c.lead_id, lead_views.c.name, lead_views.c.email, lead_views.c.company)
    found = await tx.execute(select(*columns).where(lead_views.c.lead_id.in_(lead_ids)))
    return {row.lead_id: (row.name or row.email or "", row.company or "") for row in found}


async def cancel_or_delete(tx: Tx, backtest_id: str) -> None:
    """End a backtest that waits or runs; delete one that has ended, with its moves."""
    state = (await tx.execute(select(backtests.c.state).where(backtests.c.id == backtest_id))).scalar()
    if state in UNFINISHED:
        values = {"state": "cancelled", "leased_until": None, "files": None}
        await tx.execute(backtests.update().where(backtests.c.id == backtest_id).values(**values))
        return
    await tx.execute(delete(backtest_moves).where(backtest_moves.c.backtest_id == backtest_id))
    await tx.execute(delete(backtests).where(backtests.c.id == backtest_id))

"""Dead letters, from the ledger's table, and which of them were set aside, from the gateway's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite

from services.gateway.tables import set_aside_letters
from services.ledger.tables import NOT_REPLAYED, dead_letters
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor

LetterState = Literal["open", "replayed", "set_aside"]

_RECORD: Final = ("record_key", "value", "headers")
_SHOWN = [column for column in dead_letters.c if column.name not in _RECORD]
_KEPT: Final = timedelta(days=31)
"""Longer than the ledger keeps a letter."""


class LetterFilter(Struct, frozen=True):
    """Which letters are meant: those that match everything that is set. `kind` is the cause."""

    stage: str | None = None
    kind: str | None = None
    state: LetterState | None = None


def letters_matching(which: LetterFilter) -> ColumnElement[bool]:
    """Return the condition for the letters that a filter means."""
    is_set_aside = dead_letters.c.id.in_(select(set_aside_letters.c.letter_id))
    parts: list[ColumnElement[bool]] = [dead_letters.c.id.is_not(None)]
    if which.stage is not None:
        parts.append(dead_letters.c.stage == which.stage)
    if which.kind is not None:
        parts.append(dead_letters.c.kind == which.kind)
    if which.state == "replayed":
        parts.append(dead_letters.c.replayed_at.is_not(None))
    elif which.state is not None:
        parts.append(text(NOT_REPLAYED))  # type: ignore[arg-type]
        parts.append(is_set_aside if which.state == "set_aside" else ~is_set_aside)
    return and_(*parts)


async def list_dead_letters(
    tx: Tx, which: LetterFilter, after: Cursor | None, limit: int
) -> Sequence[RowMapping]:
    """Return at most `limit` letters without their records, the newest first, from the cursor `after` on."""
    joined = dead_letters.outerjoin(set_aside_letters, set_aside_letters.c.letter_id == dead_letters.c.id)
    statement = select(*_SHOWN, set_aside_letters.c.at.label("set_aside_at")).select_from(joined)
    statement = statement.where(letters_matching(which))
    if after is not None:
        statement = statement.where(after_cursor(after, dead_letters.c.at, dead_letters.c.id))
    statement = statement.order_by(dead_letters.c.at.desc(), dead_letters.c.id.desc()).limit(limit)
    return (await tx.execute(statement)).mappings().all()


async def group_dead_letters(tx: Tx) -> Sequence[RowMapping]:
    """Return the open letters by stage and cause: `letters`, `first_at`, `last_at`; the largest first."""
    table, letters = dead_letters.c, func.count().label("letters")
    times = (func.min(table.at, type_=table.at.type), func.max(table.at, type_=table.at.type))
    columns = (table.stage, table.kind, letters, times[0].label("first_at"), times[1].label("last_at"))
    grouped = select(*columns).where(letters_matching(LetterFilter(state="open")))
    statement = grouped.group_by(table.stage, table.kind).order_by(letters.desc(), table.stage, table.kind)
    return (await tx.execute(statement.limit(200))).mappings().all()


async def find_dead_letter(tx: Tx, letter_id: str) -> RowMapping | None:
    """Return one letter with the record itself: `record_key`, `value` and `headers`; and `set_aside_at`."""
    joined = dead_letters.outerjoin(set_aside_letters, set_aside_letters.c.letter_id == dead_letters.c.id)
    columns = select(dead_letters, set_aside_letters.c.at.label("set_aside_at")).select_from(joined)
    found = await tx.execute(columns.where(dead_letters.c.id == letter_id))
    return found.mappings().one_or_none()


async def open_letter_ids(tx: Tx, which: LetterFilter, after: Cursor | None, limit: int) -> list[Cursor]:
    """Return the places of at most `limit` open letters that match, the oldest first, after a place."""
    table = dead_letters.c
    statement = select(table.at, table.id).where(
        letters_matching(LetterFilter(which.stage, which.kind, "open"))
    )
    if after is not None:
        later = or_(table.at > after.at, and_(table.at == after.at, table.id > after.id))
        statement = statement.where(later)
    found = await tx.execute(statement.order_by(table.at, table.id).limit(limit))
    return [Cursor(row.at, row.id) for row in found]


async def set_letters_aside(tx: Tx, ids: Sequence[str], at: datetime) -> None:
    """Note that nobody needs to deal with these letters any more; forget notes whose letters are gone."""
    await tx.execute(delete(set_aside_letters).where(set_aside_letters.c.at < at - _KEPT))
    insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
    rows = [{"letter_id": id_, "at": at} for id_ in ids]
    if rows:
        await tx.execute(insert(set_aside_letters).on_conflict_do_nothing(), rows)


async def take_letter_back(tx: Tx, letter_id: str) -> None:
    """Note that a letter that was set aside is open again."""
    await tx.execute(delete(set_aside_letters).where(set_aside_letters.c.letter_id == letter_id))

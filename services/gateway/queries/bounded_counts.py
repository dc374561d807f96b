"""Counts that stop: no request counts the whole of a table that grows with the leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select, func, literal, select, union_all

from shared.storage.database import Tx

COUNTED_MAX: Final = 1_000


async def counts_up_to(tx: Tx, rows: Mapping[str, Select[Any]], most: int = COUNTED_MAX) -> dict[str, int]:
    """Return by name how many rows each statement finds, `most` where there are more."""
    if not rows:
        return {}
    counted = [
        select(
            literal(name).label("name"),
            select(func.count()).select_from(found.limit(most).subquery()).scalar_subquery().label("number"),
        )
        for name, found in rows.items()
    ]
    return {row.name: int(row.number) for row in await tx.execute(union_all(*counted))}

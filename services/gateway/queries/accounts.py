"""Accounts, from the scorer's table."""

from __future__ import annotations

from sqlalchemy import RowMapping, select

from services.scorer.tables import accounts
from shared.storage.database import Tx


async def find_account(tx: Tx, key: str) -> RowMapping | None:
    """Return the scorer's row of an account, by its key or the key of an alias."""
    found = await tx.execute(select(accounts).where(accounts.c.account == key))
    return found.mappings().one_or_none()

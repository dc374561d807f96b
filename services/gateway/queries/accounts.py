"""Accounts, from the scorer's table."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import RowMapping, select

from services.scorer.domain.subjects import account_keys, canonical_key
from services.scorer.tables import accounts
from shared.lead.events.account_received import AccountReceivedV1
from shared.storage.database import Tx
from shared.storage.statements import member_of, members


async def known_accounts(tx: Tx, keys: Collection[str]) -> dict[str, AccountReceivedV1]:
    """Return what is known of these accounts, by key; for an alias, what is known of its account."""
    known = select(accounts.c.account, accounts.c.knowledge).where(
        member_of(tx.dialect, accounts.c.account), accounts.c.knowledge.is_not(None)
    )
    found = await tx.execute(known, {"members": members(tx.dialect, sorted(keys))})
    return {row["account"]: row["knowledge"] for row in found.mappings()}


def account_of_key(key: str, known: Mapping[str, AccountReceivedV1]) -> str:
    """Return the key of the account that a key stands for: itself, unless it is an alias."""
    return canonical_key(key, known.get(key))


async def joined_accounts(tx: Tx, key: str) -> list[str]:
    """Return the key of the account that a key stands for, and those of its aliases."""
    account = account_of_key(key, await known_accounts(tx, (key,)))
    own = (await known_accounts(tx, (account,))).get(account)
    if own is None:
        return [account]
    aliases = account_keys(own)[1:]
    known = await known_accounts(tx, aliases)
    return [account, *(alias for alias in aliases if account_of_key(alias, known) == account)]


async def find_account(tx: Tx, key: str) -> RowMapping | None:
    """Return the scorer's row of an account, by its key or the key of an alias."""
    account = account_of_key(key, await known_accounts(tx, (key,)))
    found = await tx.execute(select(accounts).where(accounts.c.account == account))
    return found.mappings().one_or_none()
